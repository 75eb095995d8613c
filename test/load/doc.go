// Package load sends DriftSentry as many requests a second as it is told to, holds sockets open meanwhile, and tells how
// long each took and whether anything was lost.
//
//	Start ──▶ Drive ──▶ Finish
//	signs in, makes drifts    sends by the     waits until every socket has everything,
//	to decide, opens sockets  schedule         compares, cleans up
//
// The loop is open: when each request is due is drawn before the first is sent, and its latency counts from then, however
// late it could be sent. A service that stalls for a second so shows in every request that was due in that second, and not
// in one alone (coordinated omission). Latencies are kept in HDR histograms.
package load
