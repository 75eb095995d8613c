// Package hub brings the events of each account to the connections that subscribed to them.
//
// A Stream is one account's events as this replica knows them: a ring of the last ones, each encoded once into the
// bytes of a frame, and the subscribers. Isolation is by construction: a Subscriber reaches no ring but its account's.
//
// A Subscriber has no queue of events. It has a position, and pulls what comes after it:
//
//	        ┌──── one write that doesn't wait took everything ────┐
//	        ▼                                                     │
//	──▶   live  ──the kernel is full, or the ring moved past──▶ catching up ──10 s without progress──▶ closing
//	        │                                                     │  (a goroutine of its own:             │
//	        │◀───────────── reached the head ─────────────────────┘   from the ring, else from Postgres)  │
//	        └──────────── Close, or an error of the connection ──▶ closing ──last frame, or error──▶ ended ◀┘
//
// So a slow client delays nobody and costs no memory but the rest of one frame, and order and completeness need no
// bookkeeping: a position only grows, and nothing is ever left out between two positions.
package hub
