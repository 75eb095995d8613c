// Package client calls DriftSentry from Go: its REST API and its stream of events.
//
// # Making a client
//
// A client acts as the owner of an API key, or as a person:
//
//	ci, err := client.New("https://driftsentry.example.com", client.WithAPIKey(os.Getenv("DRIFTSENTRY_API_KEY")))
//	ada, err := client.New("https://driftsentry.example.com", client.WithPassword(email, password))
//
// New sends nothing. A person's client signs in with its first call, refreshes its session before the access token expires,
// and signs in again when the session has ended. Of many calls that need a fresh token at once, one gets it and the others
// wait. WithSession and OnSession carry a session from one run of a program to the next.
//
// There is a method for each operation of docs/api/openapi.yaml, except the documents, and the probes and metrics, which are for orchestrators.
// Lists come as one page (ListDrifts) or as an iterator over all pages (Drifts).
//
// # What is repeated
//
// A call that got no response, 429, 502, 503 or 504 is repeated up to four times, with pauses that grow and are random, or
// after the time that Retry-After says. WithRetry changes this. It is safe: reads change nothing, and each POST carries an
// Idempotency-Key of the client's making, the same for every attempt of one call, for which the server keeps the first
// response for a day. WithIdempotencyKey sets a key of your own, which also covers the next run of your program.
// ChangePassword has no key on the server, so it is repeated only after 429. The context of a call bounds all of its
// attempts; WithTimeout bounds one.
//
// # Errors
//
// A response that is not a success is an *Error, with the status, the code, what is wrong with which field, and the trace ID
// that leads operators to the cause. HasCode asks for a code:
//
//	if client.HasCode(err, client.CodeConflict) { // another person was faster
//
// Any other error means that no response of DriftSentry came.
//
// # Following events
//
// Stream yields each event of the account once and in order, over any number of connections:
//
//	stream := c.Stream(client.StreamOptions{After: saved})
//	for event, err := range stream.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		handle(event)
//		saved = event.Cursor
//	}
//
// It connects again when a connection ends, when nothing was heard for two heartbeats, and when the server asks for it; it
// sends a fresh token over the open connection before the old one expires; it drops what comes twice. An error is final: the
// credentials are refused, or the server says that the client is wrong.
//
// Three rules make a program that misses nothing:
//
//   - To show lists and keep them current, read the list first and begin the stream at the list's Cursor.
//   - Keep a cursor only when everything before it was handled: an event's after the body of the loop, or Stream.Cursor,
//     which also advances while no event of your topics arrives.
//   - When OnResync is called, load the lists again. It happens when a program was away for longer than events are kept (a
//     week by default), or when the database was restored.
//
// While the body of the loop works, the client reads 64 frames ahead and then stops reading, so the server waits too. The
// server disconnects a client that makes no progress for ten seconds. The stream then reconnects and continues, so a slow
// program loses time, but no event.
//
// # Compatibility
//
// Fields, event types and frames that this version does not know are ignored, so a client works with newer servers.
package client
