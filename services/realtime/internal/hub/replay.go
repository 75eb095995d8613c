package hub

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// replays reads events that the ring no longer has, once for all connections that need them: after a burst larger than
// the ring, and when thousands of clients reconnect, that is every connection of an account. So that they need the same
// parts, events are read in parts that begin at multiples of the batch; complete parts are cached while any connection
// is catching up.
type replays struct {
	source   Source
	encoder  Encoder
	tel      Telemetry
	batch    int
	maxBytes int
	slots    chan struct{} // how many may read at a time
	readers  sync.WaitGroup

	mu      sync.Mutex
	flights map[part]*flight
	kept    map[part][]*block
	order   []part // of kept, the oldest first
	size    int    // of the kept blocks' bytes
}

// part is a batch of a stream's events: those that follow a position.
type part struct {
	stream     *Stream
	generation uint32
	after      int64
}

// flight is one read of a part, for all connections that wait for it. It ends when the last of them leaves.
type flight struct {
	waiting int
	cancel  context.CancelFunc

	done   chan struct{} // closed when the other fields are set
	blocks []*block
	err    error
}

func newReplays(c Config, source Source, encoder Encoder, tel Telemetry) *replays {
	return &replays{
		source: source, encoder: encoder, tel: tel, batch: c.Batch, maxBytes: c.ReplayBytes,
		slots: make(chan struct{}, c.Replays), flights: make(map[part]*flight), kept: make(map[part][]*block),
	}
}

// after gives blocks of which one has the event after position. If that no longer exists, it gives none, and the window
// that says so.
func (r *replays) after(ctx context.Context, s *Stream, generation uint32, position int64) ([]*block, event.Window, error) {
	p := part{s, generation, position - position%int64(r.batch)}
	if s.Head() < p.after+int64(r.batch) {
		// It isn't complete. Connections that were up to date when they left all return with the same position, and
		// miss little.
		p.after = position
	}
	blocks, err := r.shared(ctx, p)
	if err != nil || find(blocks, position) != nil {
		return blocks, event.Window{}, err
	}
	// The part begins before the oldest stored event, or has an event that can't be encoded.
	return r.alone(ctx, part{s, generation, position})
}

// shared reads a part together with all connections that need it at the same time, or gives the cached one.
func (r *replays) shared(ctx context.Context, p part) ([]*block, error) {
	f, blocks := r.join(ctx, p)
	if f == nil {
		return blocks, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		r.land(p, f) // A later connection starts a new read.
	}
	select {
	case <-f.done:
		return f.blocks, f.err
	default:
		return nil, ctx.Err()
	}
}

// join gives the part, or the flight that will have it.
func (r *replays) join(ctx context.Context, p part) (*flight, []*block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if blocks, ok := r.kept[p]; ok {
		return nil, blocks
	}
	f, ok := r.flights[p]
	if !ok {
		f = &flight{done: make(chan struct{})}
		ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
		r.flights[p] = f
		r.readers.Go(func() { r.fly(ctx, p, f) })
	}
	f.waiting++
	return f, nil
}

// fly reads for all waiting connections.
func (r *replays) fly(ctx context.Context, p part, f *flight) {
	var blocks []*block
	var err, broken error
	func() {
		defer telemetry.RecoverTo(&broken)
		blocks, err = r.inSlot(ctx, p)
	}()
	if broken != nil {
		r.tel.Report(ctx, broken) // A connection that needs the event hits the panic again alone, and only it is closed.
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.blocks, f.err = blocks, err
	close(f.done)
	r.land(p, f)
	if f.waiting > 0 && len(blocks) > 0 && blocks[len(blocks)-1].last() == p.after+int64(r.batch) {
		r.keep(p, blocks)
	}
}

// land removes a flight from the list. r.mu is held.
func (r *replays) land(p part, f *flight) {
	if r.flights[p] == f {
		delete(r.flights, p)
	}
}

func (r *replays) inSlot(ctx context.Context, p part) ([]*block, error) {
	if err := r.takeSlot(ctx); err != nil {
		return nil, err
	}
	defer r.giveSlot()
	return r.read(ctx, p)
}

// alone reads a part for one connection, or the window if the part no longer exists.
func (r *replays) alone(ctx context.Context, p part) ([]*block, event.Window, error) {
	if err := r.takeSlot(ctx); err != nil {
		return nil, event.Window{}, err
	}
	defer r.giveSlot()
	blocks, err := r.read(ctx, p)
	if err != nil || len(blocks) > 0 {
		return blocks, event.Window{}, err
	}
	w, err := r.source.Window(ctx, p.stream.account)
	if err != nil {
		return nil, event.Window{}, fmt.Errorf("read the stream's window: %w", err)
	}
	return nil, w, nil
}

func (r *replays) takeSlot(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *replays) giveSlot() { <-r.slots }

// read reads a part and encodes it. It gives nothing when events are missing.
func (r *replays) read(ctx context.Context, p part) ([]*block, error) {
	events, err := r.source.Events(ctx, p.stream.account, p.after, r.batch)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	if !follow(p.after, events) {
		return nil, nil
	}
	return encode(r.encoder, p.stream.Epoch(), events), nil
}

// keep caches a complete part, and removes the oldest ones that no longer fit. r.mu is held.
func (r *replays) keep(p part, blocks []*block) {
	r.kept[p] = blocks
	r.order, r.size = append(r.order, p), r.size+size(blocks)
	for r.size > r.maxBytes {
		r.letGo(r.order[0])
	}
}

// letGo removes a part from the cache. r.mu is held.
func (r *replays) letGo(p part) {
	r.size -= size(r.kept[p])
	delete(r.kept, p)
	r.order = slices.DeleteFunc(r.order, func(other part) bool { return other == p })
}

// forget removes all cached parts of a stream, or of all streams for nil.
func (r *replays) forget(s *Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range slices.Clone(r.order) {
		if s == nil || p.stream == s {
			r.letGo(p)
		}
	}
}

func size(blocks []*block) (n int) {
	for _, b := range blocks {
		n += len(b.bytes)
	}
	return n
}
