// Package load sends requests to DriftSentry at a given rate, holds sockets open meanwhile, and reports the latencies and
// whether anything was lost.
//
//	Start ──▶ Drive ──▶ Finish
//	signs in, makes drifts    sends by the     waits until every socket has everything,
//	to decide, opens sockets  schedule         compares, cleans up
//
// The loop is open: the time when each request is due is drawn before the first one is sent. Its latency counts from that
// time, even if it is sent late. So a service that stalls for a second slows every request that was due in that second, and
// not only one (coordinated omission). Latencies are kept in HDR histograms.
package load
