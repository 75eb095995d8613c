// Package history compares what clients saw of DriftSentry with the stored data, as Jepsen does: clients write
// down each call and its response, and afterwards every promise is a predicate over these notes and the database.
//
// What is promised, and so checked:
//
//   - A write that was acknowledged is there, once. One that was refused (4xx) is not there. One whose response was a 5xx
//     or never came may or may not be there, and if it is, once.
//   - A write repeated with its Idempotency-Key is done once, however often it was sent.
//   - Of several decisions about one drift, one is made; each change of a drift has one audit row and one event, and the
//     drift is as the last of them says.
//   - An account's stream has every position from 1 to its head. Each listener saw, over all its connections, every event
//     after the cursor with which it began; within a connection positions only grow, and an event comes again only after
//     a reconnect.
//   - What one client read of a drift never goes back in time, and contains what that client wrote before.
package history
