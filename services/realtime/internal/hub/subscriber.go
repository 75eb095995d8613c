package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
)

// state is the subscriber's state in the diagram of doc.go. Closing is a separate flag, because a write in progress is
// finished first.
type state uint8

const (
	live state = iota
	catching
	ended
)

// Subscriber is a connection's part of its account's stream.
type Subscriber struct {
	stream       *Stream
	conn         Conn
	shard, index int // guarded by the shard's lock

	// position is that of the last event that was written or skipped. Before the first subscription it stays where
	// it was when the connection was opened.
	position atomic.Int64

	mu         sync.Mutex
	state      state
	generation uint32 // of the ring that position is of
	subscribed bool
	closing    bool
	interest   interest

	rest  []byte // the rest of a partly written frame; it is written first
	queue []byte // responses that wait, whole frames
	last  []byte // the frame to close with

	replay []*block           // events read from the source, which are no longer in the ring
	span   trace.Span         // of a replay; nil without one
	links  int                // of that span
	linked string             // the last of them
	cut    context.CancelFunc // ends the reading of the source
}

// ErrOverflow says that the client sends requests but does not read the responses.
var ErrOverflow = errors.New("too many responses wait for the client")

// Send writes a response, now or after the ones before it.
func (s *Subscriber) Send(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.send(frame)
}

// send is Send with s.mu held.
func (s *Subscriber) send(frame []byte) error {
	if s.closing || s.state == ended {
		return nil // It is not read any more.
	}
	if len(s.queue)+len(frame) > s.stream.hub.config.QueueBytes {
		return ErrOverflow
	}
	s.queue = append(s.queue, frame...)
	if n := s.flush(); n > 0 {
		s.stream.hub.instruments.delivered(context.Background(), modeReplay, n)
	}
	return nil
}

// Beat sends a heartbeat, with the position up to which a subscribed client has every event. A client that catches up
// and has responses waiting is not closed.
func (s *Subscriber) Beat(heartbeat []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.state == ended || len(s.queue) > 0 {
		return
	}
	// Both in one write. While events are being written, the position is not what the client has.
	if r := s.stream.ring.Load(); s.subscribed && s.state == live && s.generation == r.generation {
		at := event.Cursor{Epoch: r.epoch, Position: s.position.Load()}
		heartbeat = slices.Concat(heartbeat, s.stream.hub.encoder.Position(at))
	}
	_ = s.send(heartbeat) // The queue was empty.
}

// Close writes the frame in progress, the waiting responses, and then last, and finishes. Only the first call has an
// effect.
func (s *Subscriber) Close(last []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.state == ended {
		return
	}
	s.closing, s.last = true, last
	if s.cut != nil {
		s.cut() // reading the source
	}
	s.flush()
}

// Leave removes the connection from its stream. The connection must be closed.
func (s *Subscriber) Leave() {
	s.mu.Lock()
	s.end()
	s.stream.hub.instruments.unsubscribed(s.interest)
	s.interest = interest{}
	s.mu.Unlock()
	s.stream.remove(s)
	s.stream.hub.release(s.stream)
}

// Subscribe adds topics. In a connection's first subscription after may say where to begin, instead of where the stream
// was when the connection was opened. ack makes the frame that confirms it.
func (s *Subscriber) Subscribe(ctx context.Context, topics []string, after *event.Cursor, ack func(topics []string) []byte) error {
	s.mu.Lock()
	interest, err := s.interest.with(topics)
	subscribed := s.subscribed
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case after != nil && subscribed:
		return apierror.InvalidField("after", "is allowed only in the first subscribe of a connection")
	}
	var begin start
	if !subscribed {
		if begin, err = s.begin(ctx, after); err != nil {
			return err
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.state == ended {
		return nil
	}
	if !subscribed {
		s.subscribed = true
		if begin.cursor {
			s.generation = begin.generation
			s.position.Store(begin.position)
		}
		if begin.reason != "" {
			s.resync(begin.reason, begin.head)
		} else if begin.position < s.stream.Head() {
			s.startReplay()
		}
	}
	s.stream.hub.instruments.subscribed(s.interest, interest)
	s.interest = interest
	return s.send(ack(interest.topics()))
}

// Unsubscribe removes topics.
func (s *Subscriber) Unsubscribe(topics []string, ack func(topics []string) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.state == ended {
		return nil
	}
	interest := s.interest.without(topics)
	s.stream.hub.instruments.subscribed(s.interest, interest)
	s.interest = interest
	return s.send(ack(interest.topics()))
}

// Behind reports whether the connection is catching up.
func (s *Subscriber) Behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == catching
}

// Topics are those of the connection.
func (s *Subscriber) Topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interest.topics()
}

// start is where a first subscription begins.
type start struct {
	cursor     bool // position and generation are the client's choice
	generation uint32
	position   int64
	reason     Reason // when the cursor is invalid
	head       event.Cursor
}

// begin checks whether reading can continue after the cursor. Without one, it continues from where the connection was opened.
func (s *Subscriber) begin(ctx context.Context, after *event.Cursor) (start, error) {
	if after == nil {
		return start{position: s.position.Load()}, nil
	}
	r := s.stream.ring.Load()
	b := start{cursor: true, generation: r.generation, position: after.Position}
	if after.Epoch == r.epoch && after.Position >= r.base && after.Position <= r.head {
		s.stream.hub.instruments.resumed(ctx, "")
		return b, nil
	}
	// It may be ahead of this replica, or older than the ring but still stored.
	w, err := s.stream.hub.source.Window(ctx, s.stream.account)
	if err != nil {
		return start{}, err
	}
	if b.reason = check(w, *after); b.reason != "" {
		b.head, b.position = w.HeadCursor(), w.Head
	}
	s.stream.hub.instruments.resumed(ctx, b.reason)
	return b, nil
}

// resync tells the client that its cursor is invalid, and continues from head.
func (s *Subscriber) resync(reason Reason, head event.Cursor) {
	s.queue = append(s.queue, s.stream.hub.encoder.Resync(reason, head)...)
	s.position.Store(head.Position)
	s.replay = nil
}
