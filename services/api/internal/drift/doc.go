// Package drift is the domain: resources that are not as they should be, what people decided about them, and what tells
// the world. Its use cases each run one transaction, in which the change, its audit row, its alerts and its events commit
// together. A hint after the commit wakes the readers of the account's stream.
//
// Locks are taken in one order, so that transactions wait for one another and seldom deadlock: the workspace, its drifts
// by id, alerts by id, and last the stream's counter, which is held for one statement.
package drift
