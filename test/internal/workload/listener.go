package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/test/internal/history"
)

// Listener follows the account's whole stream through package client: it comes back with its cursor, to another replica,
// whenever its connection ends or is silent. It keeps what the server sent over each connection, and what the client made of
// it.
type Listener struct {
	w      *Workload
	name   string
	next   atomic.Int64 // the replica of the next connection
	Stay   bool         // at the first one
	stream *client.Stream

	position atomic.Int64
	joined   chan struct{} // closed with the first subscription
	moved    chan struct{} // has a token after progress

	mu     sync.Mutex
	from   int64
	sent   [][]history.Seen // by the server, over each connection
	got    []history.Seen   // from the client
	resync []string
}

// pause is that between two connections, on average.
const pause = 20 * time.Millisecond

// NewListener makes one that begins at the replica with this number.
func (w *Workload) NewListener(name string, first int) *Listener {
	l := &Listener{w: w, name: name, joined: make(chan struct{}), moved: make(chan struct{}, 1), from: -1}
	l.next.Store(int64(first))
	c, err := client.New(w.api(0), client.WithRealtime(w.realtime(first)), client.WithSession(client.Session{AccessToken: w.Token}),
		client.WithHTTPClient(&http.Client{Transport: l}), client.WithTimeout(w.Timeout), client.WithRetry(client.Retry{First: pause, Last: pause}))
	if err != nil {
		panic(err) // The URLs are ours.
	}
	l.stream = c.Stream(client.StreamOptions{OnState: l.state, OnFrame: l.frame, OnResync: l.lost})
	return l
}

// RoundTrip leads a handshake to the replica whose turn it is.
func (l *Listener) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(l.w.realtime(int(l.next.Load())))
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Host = to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// Run follows until ctx ends. That the token is refused while a replica cannot ask the database is no reason to stop.
func (l *Listener) Run(ctx context.Context) {
	for ctx.Err() == nil {
		for e, err := range l.stream.Events(ctx) {
			if err != nil {
				l.state(client.State{Phase: client.Waiting})
				break
			}
			l.mu.Lock()
			l.got = append(l.got, history.Seen{Position: e.Position, ID: e.ID})
			l.mu.Unlock()
			l.advance(e.Position)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (l *Listener) state(s client.State) {
	switch s.Phase {
	case client.Connecting:
		l.mu.Lock()
		l.sent = append(l.sent, nil)
		l.mu.Unlock()
	case client.Live:
		select {
		case <-l.joined:
		default:
			close(l.joined)
		}
	case client.Waiting:
		if !l.Stay {
			l.next.Add(1)
		}
	}
}

// frame looks at what the server sends, before the client drops what comes twice.
func (l *Listener) frame(text []byte) {
	var f struct {
		Type     string
		Cursor   string
		Position int64
		Event    struct{ ID string }
	}
	if json.Unmarshal(text, &f) != nil {
		return // The client complains.
	}
	at, err := event.ParseCursor(f.Cursor)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case f.Type == "welcome" && l.from < 0 && err == nil:
		l.from = at.Position
		l.position.Store(l.from)
	case f.Type == "event":
		last := len(l.sent) - 1
		l.sent[last] = append(l.sent[last], history.Seen{Position: f.Position, ID: f.Event.ID})
	}
}

func (l *Listener) lost(_ context.Context, r client.Resync) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resync = append(l.resync, r.Reason)
	return nil
}

func (l *Listener) advance(position int64) {
	l.position.Store(position)
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// Joined waits for the first subscription.
func (l *Listener) Joined(ctx context.Context) error {
	select {
	case <-l.joined:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("listener %s never joined: %w", l.name, context.Cause(ctx))
	}
}

// Reach waits until the listener has everything up to the position.
func (l *Listener) Reach(ctx context.Context, position int64) error {
	for l.position.Load() < position {
		select {
		case <-l.moved:
		case <-ctx.Done():
			return fmt.Errorf("listener %s is at position %d of %d: %w", l.name, l.position.Load(), position, context.Cause(ctx))
		}
	}
	return nil
}

// History is what the server sent over each connection; what the client gave, which must be as if there had been one
// connection; and how often it was told that its place is gone.
func (l *Listener) History() (sent, got history.Listener, resyncs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return history.Listener{Name: l.name, From: l.from, Connections: l.sent},
		history.Listener{Name: l.name + ", through the client", From: l.from, Connections: [][]history.Seen{l.got}}, l.resync
}
