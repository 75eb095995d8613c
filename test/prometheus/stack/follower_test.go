//go:build stack

package stack

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
	"github.com/driftsentry/driftsentry/test/internal/watcher"
)

// follower is a browser that the engineer has open.
type follower struct {
	watcher *watcher.Watcher
	holds   chan struct{} // has something when a subscription holds
	events  chan string   // types of events that came
	close   context.CancelFunc
	closed  chan error
}

// follow opens a socket and returns when its subscription holds. It ends with the test if not before.
func (s *system) follow(t *testing.T) *follower {
	t.Helper()
	f := &follower{holds: make(chan struct{}, 1), events: make(chan string, 1000)}
	f.watcher = &watcher.Watcher{
		API: apiclient.Client{Base: s.url("api", 3001)}, SocketURL: strings.Replace(s.url("realtime", 3002), "http", "ws", 1) + "/ws",
		Email: engineer, Password: password, Topics: []string{"drifts", "alerts", "checks"},
		Ready: func() { f.holds <- struct{}{} },
		Event: func(frame watcher.Frame) {
			var e struct{ Type string }
			_ = json.Unmarshal(frame.Event, &e)
			f.events <- e.Type
		},
	}
	f.open(t)
	return f
}

// open connects, with the cursor of the last time if there was one.
func (f *follower) open(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f.close, f.closed = cancel, make(chan error, 1)
	go func() { f.closed <- f.watcher.Run(ctx) }()
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

// leave closes the socket.
func (f *follower) leave(t *testing.T) {
	t.Helper()
	f.close()
	if err := <-f.closed; err != nil {
		t.Error(err)
	}
}

// await waits for an event of a type.
func (f *follower) await(t *testing.T, event string) {
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
