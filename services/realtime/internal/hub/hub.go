package hub

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Source is where events come from.
type Source interface {
	// Window is the readable part of an account's stream, with the tag of the event at a position.
	Window(ctx context.Context, account uuid.UUID, at int64) (event.Window, error)
	// Events gives the events after a position, in order, limit at most.
	Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error)
}

// Encoder makes the bytes that are written to connections.
type Encoder interface {
	Event(to *bytes.Buffer, e event.Event, at event.Cursor)
	Position(at event.Cursor) []byte
	Resync(reason Reason, head event.Cursor) []byte
}

// Conn is the sending side of a connection. It is written to by one goroutine at a time.
type Conn interface {
	// TryWrite writes as much as the kernel takes, in a single attempt, and never waits.
	TryWrite(p []byte) (int, error)
	// WriteSome waits until some of p can be written, for timeout at most; then it gives os.ErrDeadlineExceeded.
	WriteSome(p []byte, timeout time.Duration) (int, error)
	// TooSlow says that the connection made no progress for too long; it should be closed.
	TooSlow()
	// Finish is called once, after the last write: after the last frame, or because of err.
	Finish(err error)
}

// Telemetry receives the hub's reports.
type Telemetry interface {
	Tracer() trace.Tracer
	Meter() metric.Meter
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
	Profiled(ctx context.Context, name string, work func())
}

// Config bounds the hub. Zero values get defaults.
type Config struct {
	RingEvents int // how many events an account's ring holds
	RingBytes  int // how many bytes of frames
	Batch      int // how many events are read at once
	Replays    int // how many parts may be read from the source at a time, for connections that catch up
	// ReplayBytes is how many bytes of frames are cached for them, until no connection is catching up. A part that
	// one of them is writing counts no longer when it makes room for another.
	ReplayBytes int
	QueueBytes  int // how many bytes of responses may wait for a connection
	// Stall is how long a connection may make no progress.
	Stall time.Duration
	// Retry is how long a connection waits after it could not read the source.
	Retry time.Duration
}

func (c Config) withDefaults() Config {
	c.RingEvents = cmp.Or(c.RingEvents, 1024)
	c.RingBytes = cmp.Or(c.RingBytes, 1<<20)
	c.Batch = cmp.Or(c.Batch, 256)
	c.Replays = cmp.Or(c.Replays, 4)
	c.ReplayBytes = cmp.Or(c.ReplayBytes, 4<<20)
	c.QueueBytes = cmp.Or(c.QueueBytes, 32<<10)
	c.Stall = cmp.Or(c.Stall, 10*time.Second)
	c.Retry = cmp.Or(c.Retry, time.Second)
	return c
}

// Hub is the streams of the accounts that are connected here.
type Hub struct {
	config      Config
	source      Source
	encoder     Encoder
	tel         Telemetry
	instruments instruments
	behind      queue
	replays     *replays
	writers     sync.WaitGroup // goroutines of connections that catch up

	mu      sync.Mutex
	streams map[uuid.UUID]*Stream

	catchingMu sync.Mutex
	catching   map[*Subscriber]int // by how many goroutines
}

// New makes an empty hub.
func New(config Config, source Source, encoder Encoder, tel Telemetry) (*Hub, error) {
	h := &Hub{
		config: config.withDefaults(), source: source, encoder: encoder, tel: tel,
		streams: make(map[uuid.UUID]*Stream), catching: make(map[*Subscriber]int),
		behind: queue{ready: make(chan struct{}, 1)},
	}
	h.replays = newReplays(h.config, source, encoder, tel)
	var err error
	if h.instruments, err = newInstruments(tel.Meter(), h); err != nil {
		return nil, err
	}
	return h, nil
}

// Join makes conn a subscriber of its account's stream; Leave ends that. Until it subscribes to something it stays at
// the cursor, which is the stream's head.
func (h *Hub) Join(ctx context.Context, account uuid.UUID, conn Conn) (*Subscriber, event.Cursor, error) {
	s := h.acquire(account)
	if err := s.open(ctx); err != nil {
		h.release(s)
		return nil, event.Cursor{}, fmt.Errorf("open the account's stream: %w", err)
	}
	r := s.ring.Load()
	sub := &Subscriber{stream: s, conn: conn, generation: r.generation}
	sub.move(r.head)
	s.add(sub)
	return sub, event.Cursor{Epoch: r.epoch, Mark: r.head}, nil
}

func (h *Hub) acquire(account uuid.UUID) *Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.streams[account]
	if !ok {
		s = &Stream{hub: h, account: account}
		h.streams[account] = s
	}
	s.references++
	return s
}

// release forgets a stream with its last connection.
func (h *Hub) release(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.references--
	if s.references == 0 {
		delete(h.streams, s.account)
		h.replays.forget(s)
	}
}

// Streams are the streams that are followed at this time.
func (h *Hub) Streams() []*Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		if s.ring.Load() != nil {
			list = append(list, s)
		}
	}
	return list
}

// Hint says how far an account's stream reached. It reports whether that is news to a stream that is followed here, and
// whether it casts doubt on what was published here: another event stands at that position.
func (h *Hub) Hint(account uuid.UUID, m event.Mark) (news, doubt bool) {
	h.mu.Lock()
	s := h.streams[account]
	h.mu.Unlock()
	if s == nil {
		return false, false
	}
	return s.Want(m.Position), s.Doubts(m)
}

// Next blocks until a stream is behind, and gives it to one caller, who reads events, publishes them and calls
// Done. Streams take turns.
func (h *Hub) Next(ctx context.Context) (*Stream, error) { return h.behind.pop(ctx) }

// Wait blocks until no connection catches up any more; the connections must have been closed.
func (h *Hub) Wait() {
	h.writers.Wait()
	h.replays.readers.Wait()
}

// Status is the hub's part of the health report.
type Status struct {
	Accounts int
	Lag      int64         // the most events that a stream is known to be ahead of what was read
	Age      time.Duration // the longest that an event has been known without being read
}

// Status gives the state of the streams.
func (h *Hub) Status() Status {
	var st Status
	for _, s := range h.Streams() {
		st.Accounts++
		st.Lag = max(st.Lag, s.lag())
		st.Age = max(st.Age, s.age())
	}
	return st
}

// queue is the streams that are behind, each once.
type queue struct {
	mu    sync.Mutex
	items []*Stream
	ready chan struct{} // has a token when there is an item
}

func (q *queue) push(s *Stream) {
	q.mu.Lock()
	q.items = append(q.items, s)
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) pop(ctx context.Context) (*Stream, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.ready:
		}
		q.mu.Lock()
		var s *Stream
		if len(q.items) > 0 {
			s, q.items = q.items[0], q.items[1:]
		}
		more := len(q.items) > 0
		q.mu.Unlock()
		if more {
			q.signal()
		}
		if s != nil {
			return s, nil
		}
	}
}
