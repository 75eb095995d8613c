// Package hub brings the events of each account to the connections that subscribed to them.
//
// A Stream is one account's events as this replica knows them: a ring of the last ones, each encoded once into the
// bytes of a frame, and the subscribers. Isolation is by construction: a Subscriber reaches no ring but its account's.
//
// A Subscriber has no queue of events. It has a position, and pulls what comes after it:
//
//	──▶ live ───the kernel is full, or the ring has moved past──▶ catching up
//	     │ ◀──────────────────reached the head──────────────────── │
//	   Close                                   Close, or no progress for 10 s
//	     └──────────────────────▶ closing ◀────────────────────────┘
//	                                 └──the last frame is written, or an error──▶ ended
//
// While live, it writes with single attempts that never wait. Catching up is a goroutine of its own, which may wait: it
// reads the ring, and Postgres when the ring has moved past: together with all others who miss the same.
//
// So a slow client delays no other and costs no memory except the rest of one frame (while it catches up from Postgres, a part of
// some hundred events, which those beside it share), and order and completeness need no bookkeeping: a position only grows,
// and nothing is ever left out between two positions.
package hub
