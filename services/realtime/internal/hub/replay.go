package hub

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// replays reads events that the ring no longer has, once for all who want them: after a burst larger than the ring, and
// when clients come back by the thousand, that is every connection of an account. So that they want the same, events are
// read in parts that begin at multiples of the batch; and parts are kept while anybody catches up.
type replays struct {
	source   Source
	encoder  Encoder
	batch    int
	maxBytes int
	slots    chan struct{} // how many may read at a time
	reading  singleflight.Group

	mu    sync.Mutex
	kept  map[part][]*block
	order []part // of kept, the oldest first
	size  int    // of the kept blocks' bytes
}

// part is a batch of a stream's events: those that follow a position.
type part struct {
	stream     *Stream
	generation uint32
	after      int64
}

func newReplays(c Config, source Source, encoder Encoder) *replays {
	return &replays{
		source: source, encoder: encoder, batch: c.Batch, maxBytes: c.ReplayBytes,
		slots: make(chan struct{}, c.Replays), kept: make(map[part][]*block),
	}
}

// after gives blocks of which one has the event after position. When that is gone it gives none, and the window that says
// so.
func (r *replays) after(ctx context.Context, s *Stream, generation uint32, position int64) ([]*block, event.Window, error) {
	whole := part{s, generation, position - position%int64(r.batch)}
	blocks, err := r.shared(ctx, whole)
	if err != nil || find(blocks, position) != nil {
		return blocks, event.Window{}, err
	}
	// The part begins before what is left of the stream, or was read before its end was there, or can't be encoded.
	if blocks, err = r.read(ctx, part{s, generation, position}); err != nil || len(blocks) > 0 {
		return blocks, event.Window{}, err
	}
	w, err := r.source.Window(ctx, s.account)
	if err != nil {
		return nil, event.Window{}, fmt.Errorf("read the stream's window: %w", err)
	}
	return nil, w, nil
}

// shared is read, for everybody who asks at the same time or, when the part is complete, later.
func (r *replays) shared(ctx context.Context, p part) ([]*block, error) {
	if blocks := r.known(p); blocks != nil {
		return blocks, nil
	}
	result := r.reading.DoChan(fmt.Sprintf("%p %d %d", p.stream, p.generation, p.after), func() (any, error) {
		blocks := r.known(p)
		if blocks != nil {
			return blocks, nil // Who was first has just finished.
		}
		var err, broken error
		func() {
			// Whoever wants what can't be encoded, meets the panic again when it reads alone.
			defer telemetry.RecoverTo(&broken)
			// It is for all of them: it doesn't end with the first.
			blocks, err = r.read(context.WithoutCancel(ctx), p)
		}()
		return blocks, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-result:
		blocks, _ := got.Val.([]*block)
		return blocks, got.Err
	}
}

func (r *replays) known(p part) []*block {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[p]
}

// read reads a part and encodes it. It gives nothing when events are missing.
func (r *replays) read(ctx context.Context, p part) ([]*block, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	events, err := r.source.Events(ctx, p.stream.account, p.after, r.batch)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if !follow(p.after, events) {
		return nil, nil
	}
	blocks := encode(r.encoder, p.stream.Epoch(), events)
	if len(events) == r.batch && p.after%int64(r.batch) == 0 {
		r.keep(p, blocks)
	}
	return blocks, nil
}

// keep keeps a complete part, and lets go of the oldest ones that no longer fit.
func (r *replays) keep(p part, blocks []*block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.kept[p]; ok {
		return
	}
	r.kept[p] = blocks
	r.order, r.size = append(r.order, p), r.size+size(blocks)
	for r.size > r.maxBytes {
		r.size -= size(r.kept[r.order[0]])
		delete(r.kept, r.order[0])
		r.order = r.order[1:]
	}
}

// forget lets go of everything.
func (r *replays) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.kept)
	r.order, r.size = nil, 0
}

func size(blocks []*block) (n int) {
	for _, b := range blocks {
		n += len(b.bytes)
	}
	return n
}
