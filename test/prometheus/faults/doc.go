// Package faults breaks what the two services stand on while clients use them, and checks that nothing was lost.
//
//	clients ──▶ api ×2, realtime ×2 ──▶ toxiproxy ──▶ Postgres, NATS, collector, Sentry
//	               ▲ signals                ▲ cuts, delays, silence
//
// TestMatrix does each fault once, waits for its alert, and writes docs/faults.md with `make faults-doc`. TestRandom does
// a seeded, random sequence of them. Both end with the checker of package history.
//
// Its tests have the build tag faults: make test-faults.
package faults
