// Package hub delivers the events of each account to the connections that subscribed to them.
//
// A Stream is one account's events in this replica: a ring of the last ones, each encoded once into the bytes of a
// frame, and the subscribers. Accounts are isolated by construction: a Subscriber only reaches the ring of its account.
//
// A Subscriber has no queue of events. It has a position, and pulls the events after it:
//
//	──▶ live ───the kernel is full, or the ring has moved past──▶ catching up
//	     │ ◀──────────────────reached the head──────────────────── │
//	   Close                                   Close, or no progress for 10 s
//	     └──────────────────────▶ closing ◀────────────────────────┘
//	                                 └──the last frame is written, or an error──▶ ended
//
// While live, it writes with single attempts that never wait. Catching up is a goroutine of its own, which may wait: it
// reads the ring, or Postgres for events that left the ring, together with all other connections that miss the same
// events.
//
// So a slow client delays no other and costs no memory except the rest of one frame (while it catches up from Postgres,
// a part of some hundred events, shared with other connections), and order and completeness need no bookkeeping: a
// position only grows, and no event between two positions is skipped.
package hub
