//go:build stack

package stack

import (
	"context"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// follower is a browser that the engineer has open.
type follower struct {
	stream *client.Stream
	holds  chan struct{}         // has something when a subscription holds
	events chan client.EventType // types of events that came
	close  context.CancelFunc
	closed chan error
}

// follow opens a socket and returns when its subscription holds. It ends with the test if not before.
func (s *system) follow(t *testing.T) *follower {
	t.Helper()
	f := &follower{holds: make(chan struct{}, 1), events: make(chan client.EventType, 1000)}
	c := s.client(t, client.WithPassword(engineer, password), client.WithRealtime(s.url("realtime", 3002)))
	f.stream = c.Stream(client.StreamOptions{OnState: func(s client.State) {
		if s.Phase == client.Live {
			f.holds <- struct{}{}
		}
	}})
	f.open(t)
	return f
}

// open connects, with the cursor of the last time if there was one.
func (f *follower) open(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f.close, f.closed = cancel, make(chan error, 1)
	go func() { f.closed <- f.run(ctx) }()
	wait, done := context.WithTimeout(ctx, patience)
	defer done()
	select {
	case <-f.holds:
	case err := <-f.closed:
		t.Fatalf("the socket: %v", err)
	case <-wait.Done():
		t.Fatal("the socket did not open")
	}
}

func (f *follower) run(ctx context.Context) error {
	for e, err := range f.stream.Events(ctx) {
		if err != nil {
			return err
		}
		f.events <- e.Type
	}
	return nil
}

// leave closes the socket.
func (f *follower) leave(t *testing.T) {
	t.Helper()
	f.close()
	if err := <-f.closed; err != nil {
		t.Error(err)
	}
}

// await waits for an event of a type.
func (f *follower) await(t *testing.T, event client.EventType) {
	t.Helper()
	wait, done := context.WithTimeout(t.Context(), patience)
	defer done()
	for {
		select {
		case e := <-f.events:
			if e == event {
				return
			}
		case <-wait.Done():
			t.Fatalf("%s did not come to the socket", event)
		}
	}
}
