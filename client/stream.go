package client

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// The topics that a stream can have, beside those of single drifts (DriftTopic).
const (
	TopicDrifts = "drifts"
	TopicAlerts = "alerts"
	TopicChecks = "checks"
)

// DriftTopic is the topic of one drift and its alerts.
func DriftTopic(id string) string { return "drift:" + id }

// StreamOptions say what a stream follows. The zero value follows everything from now on. The functions are called by the
// goroutine that ranges over the events, in their order, unless they say otherwise.
type StreamOptions struct {
	Topics []string // all drifts, alerts and checks when it is empty

	// After is where to begin: the cursor that was kept, List.Cursor, or EventPage.Head. Empty begins at the end of the
	// stream as it is when the first connection opens.
	After string

	// OnResync is told that events are missing: the cursor led nowhere, since the program was away for longer than events are
	// kept, or the database was restored. Load the lists again; the events after Resync.Cursor follow. An error ends the
	// stream.
	OnResync func(context.Context, Resync) error

	// OnState is told what becomes of the connection.
	OnState func(State)

	// OnFrame gets each text frame of the server before anything else is done with it, those that the stream drops included.
	// It is called by the goroutine that reads, and must not keep the frame.
	OnFrame func(frame []byte)
}

// Resync says why events are missing.
type Resync struct {
	Reason string // epoch, ahead or trimmed
	Cursor string // where the stream goes on
}

// Phase is what a stream is doing.
type Phase string

// The phases.
const (
	Connecting Phase = "connecting"
	Live       Phase = "live"    // the subscription holds
	Waiting    Phase = "waiting" // for the next attempt
)

// State is a phase with its particulars.
type State struct {
	Phase        Phase
	ConnectionID string        // when it is Live; it names the connection in the service's logs and traces
	Err          error         // why it is Waiting
	Pause        time.Duration // how long it is Waiting
}

// Stream follows an account's events over any number of connections.
//
//	connecting ──welcome, ack──▶ live ──▶ (the token is renewed on the open connection)
//	    ▲                          │
//	    └──────── waiting ◀────────┘ the end of the connection, silence, `reconnect`
type Stream struct {
	client  *Client
	options StreamOptions
	running sync.Mutex
	seen    int64 // the position of the last event

	mu     sync.Mutex
	cursor string
}

// Stream makes a stream. It connects when Events is ranged over.
func (c *Client) Stream(o StreamOptions) *Stream {
	if len(o.Topics) == 0 {
		o.Topics = []string{TopicDrifts, TopicAlerts, TopicChecks}
	}
	return &Stream{client: c, options: o, cursor: o.After}
}

// Cursor is the place up to which everything was handled: the body of the loop has ended for the last event before it. Keep
// it, and give it to another program's StreamOptions.After. It is empty before the first connection unless After was given.
func (s *Stream) Cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

func (s *Stream) reached(cursor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor = cursor
}

// Events gives each event once and in order, over all connections, until ctx ends, which is no error, or the loop is left.
// It waits and connects again for as long as that may help. An error ends it: the credentials are refused, or the server
// says that the client is wrong. Ranging over it again goes on at Cursor.
func (s *Stream) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if !s.running.TryLock() {
			yield(Event{}, errors.New("the stream is followed already: make a second one"))
			return
		}
		defer s.running.Unlock()
		err := s.run(ctx, func(e Event) bool { return yield(e, nil) })
		if err != nil && !errors.Is(err, errLeft) && ctx.Err() == nil {
			yield(Event{}, err)
		}
	}
}

// errLeft says that the loop over the events was left.
var errLeft = errors.New("the loop was left")

// steady is how long a connection must last before the next pause is the shortest again.
const steady = time.Minute

// run connects again and again.
func (s *Stream) run(ctx context.Context, yield func(Event) bool) error {
	pauses := s.client.retry.pauses()
	refused := ""
	for {
		s.state(State{Phase: Connecting})
		began := time.Now()
		token, err := s.client.token(ctx, refused)
		refused = ""
		if err == nil {
			err = s.connect(ctx, token, yield)
		}
		var pause time.Duration
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // Whatever ended did so because it was told to.
		case !mayRecover(err), refuses(err) && !s.client.renewable(token):
			return err
		case refuses(err):
			refused = token
		case time.Since(began) > steady:
			pauses.Reset()
		}
		if at, ok := errors.AsType[*leaving](err); ok {
			pause = max(time.Until(at.back), 0)
		} else {
			pause = max(pauses.NextBackOff(), retryAfterOf(err))
		}
		s.state(State{Phase: Waiting, Err: err, Pause: pause})
		if wait(ctx, pause) != nil {
			return nil //nolint:nilerr // See above.
		}
	}
}

func (s *Stream) state(state State) {
	if s.options.OnState != nil {
		s.options.OnState(state)
	}
}

func retryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
