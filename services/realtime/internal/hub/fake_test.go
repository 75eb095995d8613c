package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

const epoch = "e1"

// lines encodes each frame as one line, so that a cut frame shows.
type lines struct{}

func (lines) Event(to *bytes.Buffer, e event.Event, at event.Cursor) {
	fmt.Fprintf(to, "event %s %s\n", at, e.Body)
}
func (lines) Position(at event.Cursor) []byte { return fmt.Appendf(nil, "position %s\n", at) }
func (lines) Resync(reason hub.Reason, head event.Cursor) []byte {
	return fmt.Appendf(nil, "resync %s %s\n", reason, head)
}

// source is the event store in memory.
type source struct {
	mu     sync.Mutex
	window event.Window
	events []event.Event
	fail   error // of everything
	failed error // of Events
}

func (s *source) Window(context.Context, uuid.UUID) (event.Window, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window, s.fail
}

func (s *source) Events(_ context.Context, _ uuid.UUID, after int64, limit int) ([]event.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.fail, s.failed); err != nil {
		return nil, err
	}
	i, _ := slices.BinarySearchFunc(s.events, after+1, func(e event.Event, p int64) int { return int(e.Position - p) })
	return slices.Clone(s.events[i:min(i+limit, len(s.events))]), nil
}

// append makes n more events; the topics are used in turn.
func (s *source) append(n int, topics ...string) []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.events)
	for i := range n {
		s.window.Head++
		s.events = append(s.events, event.Event{
			Position: s.window.Head, Topics: topics[i%len(topics) : i%len(topics)+1], CreatedAt: time.Now(),
			Body:        []byte(strings.Repeat("x", int(s.window.Head*7%40))),
			Traceparent: fmt.Sprintf("00-%032x-00000000000000aa-01", s.window.Head/5+1),
		})
	}
	return slices.Clone(s.events[first:])
}

// failEvents makes the events unreadable until the function that it gives is called.
func (s *source) failEvents() (restore func()) {
	set := func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed = err
	}
	set(errGone)
	return func() { set(nil) }
}

func (s *source) trim(to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window.TrimmedTo = to
	s.events = slices.DeleteFunc(s.events, func(e event.Event) bool { return e.Position <= to })
}

// peer is a connection and what its client has read.
type peer struct {
	mu       sync.Mutex
	room     int // how many bytes can be written now; less than 0 is no bound
	more     chan struct{}
	got      bytes.Buffer
	tooSlow  func()
	slow     int
	finished []error
	done     chan struct{}
}

func newPeer(room int) *peer {
	return &peer{room: room, more: make(chan struct{}), done: make(chan struct{})}
}

func (p *peer) TryWrite(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(b), nil
}

func (p *peer) take(b []byte) int {
	n := len(b)
	if p.room >= 0 {
		n = min(n, p.room)
		p.room -= n
	}
	p.got.Write(b[:n])
	p.wake()
	return n
}

func (p *peer) wake() {
	close(p.more)
	p.more = make(chan struct{})
}

func (p *peer) WriteSome(b []byte, timeout time.Duration) (int, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		p.mu.Lock()
		n, more := p.take(b), p.more
		p.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-timer.C:
			return 0, fmt.Errorf("write: %w", os.ErrDeadlineExceeded)
		case <-p.done:
			return 0, io.ErrClosedPipe
		case <-more:
		}
	}
}

func (p *peer) TooSlow() {
	p.mu.Lock()
	p.slow++
	p.mu.Unlock()
	if p.tooSlow != nil {
		p.tooSlow()
	}
}

func (p *peer) Finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = append(p.finished, err)
	if len(p.finished) == 1 {
		close(p.done)
	}
}

// read makes room for n more bytes, as a client does that reads them.
func (p *peer) read(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 0 {
		p.room = -1
	} else {
		p.room += n
	}
	p.wake()
}

func (p *peer) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String()
}

// positions of the events that were read, whole.
func (p *peer) positions(t *testing.T) []int64 {
	t.Helper()
	var list []int64
	for line := range strings.Lines(p.text()) {
		rest, ok := strings.CutPrefix(line, "event "+epoch+":")
		if !ok || !strings.HasSuffix(line, "\n") {
			continue
		}
		var position int64
		var body string
		if n, err := fmt.Sscanf(rest, "%d %s", &position, &body); n == 0 {
			t.Fatalf("frame %q: %v", line, err)
		}
		if len(body) != int(position*7%40) {
			t.Errorf("event %d was cut: %q", position, line)
		}
		list = append(list, position)
	}
	return list
}

// upTo waits for the event at this position.
func (p *peer) upTo(t *testing.T, position int64) {
	t.Helper()
	p.wait(t, func(text string) bool { return strings.Contains(text, fmt.Sprintf("event %s:%d ", epoch, position)) })
}

// wait blocks until yes is true of what was read.
func (p *peer) wait(t *testing.T, yes func(text string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		p.mu.Lock()
		text, more := p.got.String(), p.more
		p.mu.Unlock()
		if yes(text) {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("it never came; the client has read:\n%s", text)
		}
	}
}

func newHub(t *testing.T, s hub.Source, config hub.Config) (*hub.Hub, *telemetrytest.Recorder) {
	t.Helper()
	return newHubWith(t, s, config, lines{})
}

func newHubWith(t *testing.T, s hub.Source, config hub.Config, encoder hub.Encoder) (*hub.Hub, *telemetrytest.Recorder) {
	t.Helper()
	tel := telemetrytest.Start(t)
	h, err := hub.New(config, s, encoder, tel.Telemetry)
	if err != nil {
		t.Fatal(err)
	}
	return h, tel
}

func newSource() *source { return &source{window: event.Window{Epoch: epoch}} }

var account = uuid.MustParse("019a0000-0000-7000-8000-000000000001")

func join(t *testing.T, h *hub.Hub, p *peer) *hub.Subscriber {
	t.Helper()
	sub, _, err := h.Join(t.Context(), account, p)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func subscribe(t *testing.T, sub *hub.Subscriber, after string, topics ...string) {
	t.Helper()
	var cursor *event.Cursor
	if after != "" {
		c, err := event.ParseCursor(after)
		if err != nil {
			t.Fatal(err)
		}
		cursor = &c
	}
	if err := sub.Subscribe(t.Context(), topics, cursor, func(topics []string) []byte {
		return []byte("ack " + strings.Join(topics, ",") + "\n")
	}); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, h *hub.Hub, events []event.Event) {
	t.Helper()
	for _, s := range h.Streams() {
		if err := s.Publish(events); err != nil {
			t.Fatal(err)
		}
	}
}

var errGone = errors.New("the database is gone")
