package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/test/internal/history"
)

// Listener follows the account's whole stream: it comes back with its cursor, to another replica, whenever its connection
// ends or is silent.
type Listener struct {
	w      *Workload
	name   string
	next   int  // the replica of the next connection
	Stay   bool // at the first one
	cursor string

	position atomic.Int64
	joined   chan struct{} // closed with the first subscription
	moved    chan struct{} // has a token after progress

	mu     sync.Mutex
	from   int64
	seen   [][]history.Seen
	resync []string
	ends   map[string]int // why connections ended, how often
}

// NewListener makes one that begins at the replica with this number.
func (w *Workload) NewListener(name string, first int) *Listener {
	return &Listener{w: w, name: name, next: first, joined: make(chan struct{}), moved: make(chan struct{}, 1), ends: map[string]int{}}
}

// frame is what the server sends.
type frame struct {
	Type        string
	ID          string
	Cursor      string
	Position    int64
	HeartbeatMS int
	AfterMS     int
	Code        string
	Reason      string
	Event       struct{ ID string }
}

// Run follows until ctx ends.
func (l *Listener) Run(ctx context.Context) {
	for ctx.Err() == nil {
		after, err := l.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.ends[reason(err)]++
		l.mu.Unlock()
		if !l.Stay {
			l.next++
		}
		pause := time.NewTimer(max(after, 20*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

func reason(err error) string {
	if code := websocket.CloseStatus(err); code != -1 {
		return fmt.Sprintf("close %d", code)
	}
	if errors.Is(err, errSilent) {
		return "silence"
	}
	return "broken"
}

var errSilent = errors.New("nothing was heard for three heartbeats")

// connect follows one connection to its end, and gives how long the server asks to wait.
func (l *Listener) connect(ctx context.Context) (after time.Duration, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, l.w.Timeout)
	defer cancel()
	heard := make(chan struct{}, 1)
	hear := func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	url := strings.Replace(l.w.realtime(l.next), "http", "ws", 1) + "/ws"
	//nolint:bodyclose // After the upgrade it is the socket; a refusal's is closed by the library.
	conn, _, err := websocket.Dial(dialCtx, url, &websocket.DialOptions{
		Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + l.w.Token}},
		OnPingReceived: func(context.Context, []byte) bool { hear(); return true },
	})
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 20)
	readCtx, silent := context.WithCancelCause(ctx)
	defer silent(nil)
	go watch(readCtx, heard, func() { silent(errSilent) })
	l.mu.Lock()
	l.seen = append(l.seen, nil)
	l.mu.Unlock()
	for {
		_, data, err := conn.Read(readCtx)
		if err != nil {
			if cause := context.Cause(readCtx); errors.Is(cause, errSilent) {
				return after, cause
			}
			return after, err
		}
		hear()
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			return after, fmt.Errorf("frame %q: %w", data, err)
		}
		if f.Type == "reconnect" {
			after = time.Duration(f.AfterMS) * time.Millisecond
		}
		if err := l.handle(readCtx, conn, f); err != nil {
			return after, err
		}
	}
}

// heartbeat is what the services of the tests are configured with, so that a silent replica is noticed soon.
const heartbeat = time.Second

func watch(ctx context.Context, heard <-chan struct{}, silent func()) {
	timer := time.NewTimer(3 * heartbeat)
	defer timer.Stop()
	for {
		select {
		case <-heard:
			timer.Reset(3 * heartbeat)
		case <-timer.C:
			silent()
			return
		case <-ctx.Done():
			return
		}
	}
}

func (l *Listener) handle(ctx context.Context, conn *websocket.Conn, f frame) error {
	switch f.Type {
	case "welcome":
		if l.cursor == "" {
			l.cursor = f.Cursor
			_, _ = fmt.Sscanf(f.Cursor[strings.IndexByte(f.Cursor, ':')+1:], "%d", &l.from)
			l.advance(l.from)
		}
		request := fmt.Sprintf(`{"type":"subscribe","id":"1","topics":["drifts","alerts","checks"],"after":%q}`, l.cursor)
		return conn.Write(ctx, websocket.MessageText, []byte(request))
	case "ack":
		select {
		case <-l.joined:
		default:
			close(l.joined)
		}
	case "event":
		l.cursor = f.Cursor
		l.mu.Lock()
		last := len(l.seen) - 1
		l.seen[last] = append(l.seen[last], history.Seen{Position: f.Position, ID: f.Event.ID})
		l.mu.Unlock()
		l.advance(f.Position)
	case "position":
		l.cursor = f.Cursor
	case "resync":
		l.mu.Lock()
		l.resync = append(l.resync, f.Reason)
		l.mu.Unlock()
		l.cursor = f.Cursor
	case "error":
		return fmt.Errorf("the server refused: %s", f.Code)
	}
	return nil
}

func (l *Listener) advance(position int64) {
	l.position.Store(max(l.position.Load(), position))
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

// History is what it saw, and Resyncs how often it was told that its place is gone.
func (l *Listener) History() (h history.Listener, resyncs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return history.Listener{Name: l.name, From: l.from, Connections: l.seen}, l.resync
}

// Ends tells why its connections ended, and how often.
func (l *Listener) Ends() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.ends)
}
