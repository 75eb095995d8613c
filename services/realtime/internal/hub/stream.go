package hub

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Stream is one account's events and the connections that follow them.
type Stream struct {
	hub        *Hub
	account    uuid.UUID
	references int // guarded by hub.mu

	opening sync.Mutex
	ring    atomic.Pointer[ring] // nil until it is open
	wanted  atomic.Int64         // how far the stream is known to reach
	heard   atomic.Uint64        // how often something was said of that
	unread  unread
	queued  atomic.Bool // in the hub's queue, or with a reader

	publishing sync.Mutex // writers of ring
	shards     [shards]shard
	next       atomic.Uint32
}

// A stream's subscribers are in several lists, so that several processors can serve them.
const shards = 16

// parallelFrom is how many subscribers are worth more than one goroutine.
const parallelFrom = 256

type shard struct {
	mu   sync.Mutex
	subs []*Subscriber
}

// open reads the stream's head; the first subscriber calls it.
func (s *Stream) open(ctx context.Context) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.ring.Load() != nil {
		return nil
	}
	w, err := s.hub.source.Window(ctx, s.account, 0)
	if err != nil {
		return err
	}
	s.ring.Store(&ring{epoch: w.Epoch, base: w.HeadMark(), head: w.HeadMark()})
	s.Want(w.Head) // A hint may have come since the window was read.
	return nil
}

// Account is the stream's account.
func (s *Stream) Account() uuid.UUID { return s.account }

// Head is the position of the last event that was published here.
func (s *Stream) Head() int64 { return s.ring.Load().head.Position }

// Place is where the stream is: its epoch, and the mark of the last event that was published here.
func (s *Stream) Place() event.Cursor {
	r := s.ring.Load()
	return event.Cursor{Epoch: r.epoch, Mark: r.head}
}

// Doubts reports whether another event than the one that was published here is said to stand at a position.
func (s *Stream) Doubts(m event.Mark) bool {
	r := s.ring.Load()
	return r != nil && m.Position >= r.base.Position && m.Position <= r.head.Position && !r.tag(m.Position).Fits(m.Tag)
}

// Check compares the stream with a window that was read after place was taken. When the database has moved, so that what
// was published here is not what it has, it resets the stream.
func (s *Stream) Check(place event.Cursor, w event.Window) (reset bool) {
	switch {
	case s.Place() != place: // It has gone on, or was reset already.
		return false
	case w.Epoch != place.Epoch, w.Head == place.Position && !w.HeadTag.Fits(place.Tag):
		s.Reset(ReasonEpoch, w)
	case w.Head < place.Position:
		s.Reset(ReasonAhead, w)
	default:
		return false
	}
	return true
}

// Want notes how far the stream reaches, and queues it for reading if it is behind. It reports whether that was news.
func (s *Stream) Want(position int64) (news bool) {
	s.heard.Add(1) // Before the look at what is known: see Retract.
	for {
		known := s.wanted.Load()
		if position <= known {
			break
		}
		if s.wanted.CompareAndSwap(known, position) {
			news = true
			break
		}
	}
	s.look()
	s.enqueue()
	return news
}

func (s *Stream) enqueue() {
	if s.lag() > 0 && s.queued.CompareAndSwap(false, true) {
		s.hub.behind.push(s)
	}
}

// lag is how many events the stream is known to be ahead of what was read.
func (s *Stream) lag() int64 {
	r := s.ring.Load()
	if r == nil {
		return 0
	}
	return max(s.wanted.Load()-r.head.Position, 0)
}

// Done gives the stream back after reading. If it could not be read, it waits for the next hint or check of the heads.
func (s *Stream) Done(ok bool) {
	s.queued.Store(false)
	if ok {
		s.enqueue()
	}
}

// ErrGap says that events do not follow the last one that was published.
var ErrGap = errors.New("the events do not follow the stream's head")

// Publish delivers events, which must follow the head without a gap.
func (s *Stream) Publish(events []event.Event) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	r := s.ring.Load()
	if !follow(r.head.Position, events) {
		return ErrGap
	}
	for _, b := range encode(s.hub.encoder, r.epoch, events) {
		s.deliver(b)
	}
	return nil
}

func follow(position int64, events []event.Event) bool {
	for i, e := range events {
		if e.Position != position+1+int64(i) {
			return false
		}
	}
	return len(events) > 0
}

// deliver appends a block to the ring and writes it to all connections that keep up. The span is the account's, not a
// socket's.
func (s *Stream) deliver(b *block) {
	ctx := telemetry.LocalParent(context.Background(), b.traceparent)
	ctx, span := s.hub.tel.Tracer().Start(ctx, spanProcess, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(processAttributes(s.account, b)...))
	defer span.End()
	var delivered int
	s.hub.tel.Profiled(ctx, spanProcess, func() {
		config := &s.hub.config
		s.ring.Store(s.ring.Load().add(b, config.RingEvents, config.RingBytes))
		s.look()
		delivered = s.flush()
	})
	span.SetAttributes(attrDeliveries.Int(delivered))
	if delivered > 0 {
		// The clocks of the database and of this host differ slightly.
		s.hub.instruments.run(ctx, max(time.Since(b.createdAt), 0))
		s.hub.instruments.delivered(ctx, modeLive, delivered)
	}
}

// Reset begins a new generation: earlier positions are no longer valid. All connections are notified, and continue
// from the window's head.
func (s *Stream) Reset(reason Reason, w event.Window) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	r := s.ring.Load()
	s.wanted.Store(w.Head)
	s.ring.Store(&ring{generation: r.generation + 1, reason: reason, epoch: w.Epoch, base: w.HeadMark(), head: w.HeadMark()})
	s.look()
	s.Want(w.Head + 1) // What was said since the window was read is forgotten now: reading once more finds out.
	s.flush()
}

// Claim is how far the stream is said to reach, before it is read.
type Claim struct {
	Position int64
	heard    uint64
}

// Wanted is the highest announced position.
func (s *Stream) Wanted() Claim {
	heard := s.heard.Load()
	return Claim{s.wanted.Load(), heard}
}

// Retract takes back a claim that the stream reached further than head. What was said since then may be true, and was nothing new only
// because the claim was higher: the stream is read once more to find out.
func (s *Stream) Retract(c Claim, head int64) {
	if s.wanted.CompareAndSwap(c.Position, head) && s.heard.Load() != c.heard {
		s.Want(head + 1)
	}
	s.look()
}

// flush lets each subscriber write without waiting, and counts the written events.
func (s *Stream) flush() int {
	workers := 1
	if s.size() >= parallelFrom {
		workers = min(runtime.GOMAXPROCS(0), shards)
	}
	if workers == 1 {
		return s.flushShards(0, 1)
	}
	var wg sync.WaitGroup
	var total atomic.Int64
	for w := range workers {
		wg.Go(func() { total.Add(int64(s.flushShards(w, workers))) })
	}
	wg.Wait()
	return int(total.Load())
}

func (s *Stream) flushShards(from, step int) (delivered int) {
	for i := from; i < shards; i += step {
		delivered += s.shards[i].wake()
	}
	return delivered
}

// wake lets each subscriber of the shard write. A panic of one must not leave the shard locked.
func (sh *shard) wake() (delivered int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, sub := range sh.subs {
		delivered += sub.wake()
	}
	return delivered
}

func (s *Stream) size() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += len(sh.subs)
		sh.mu.Unlock()
	}
	return n
}

func (s *Stream) add(sub *Subscriber) {
	sub.shard = int(s.next.Add(1) % shards)
	sh := &s.shards[sub.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sub.index = len(sh.subs)
	sh.subs = append(sh.subs, sub)
}

func (s *Stream) remove(sub *Subscriber) {
	sh := &s.shards[sub.shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	last := len(sh.subs) - 1
	sh.subs[sub.index] = sh.subs[last]
	sh.subs[sub.index].index = sub.index
	sh.subs = slices.Delete(sh.subs, last, last+1)
}
