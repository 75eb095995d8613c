package hub

import (
	"bytes"
	"slices"
	"sort"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// block is a run of consecutive events that one trace caused, encoded. It never changes.
type block struct {
	first       int64 // position of the first event
	bytes       []byte
	frames      []frame
	traceparent string
	createdAt   time.Time // of the first event
}

// frame is one event's part of a block, and its topics.
type frame struct {
	end    int // in the block's bytes; it starts where the one before ends
	kinds  kind
	drifts []string
}

func (b *block) last() int64 { return b.first + int64(len(b.frames)) - 1 }

// start is where frame i begins.
func (b *block) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.frames[i-1].end
}

// encode makes a block of each run of events with one trace.
func encode(e Encoder, epoch string, events []event.Event) []*block {
	var blocks []*block
	for len(events) > 0 {
		n := slices.IndexFunc(events, func(other event.Event) bool { return other.Traceparent != events[0].Traceparent })
		if n < 0 {
			n = len(events)
		}
		blocks = append(blocks, newBlock(e, epoch, events[:n]))
		events = events[n:]
	}
	return blocks
}

func newBlock(e Encoder, epoch string, run []event.Event) *block {
	b := &block{first: run[0].Position, frames: make([]frame, len(run)), traceparent: run[0].Traceparent, createdAt: run[0].CreatedAt}
	var buffer bytes.Buffer
	for i, ev := range run {
		e.Event(&buffer, ev, event.Cursor{Epoch: epoch, Position: ev.Position})
		f := frame{end: buffer.Len()}
		f.kinds, f.drifts = split(ev.Topics)
		b.frames[i] = f
	}
	b.bytes = buffer.Bytes()
	return b
}

// ring is the last events of a stream. It never changes: a new one replaces it, so readers need no lock.
type ring struct {
	// generation grows when positions lose their meaning: the database was restored, or events were trimmed before they
	// were read. reason says which; base is where reading continues.
	generation uint32
	reason     Reason
	epoch      string
	base       int64 // nothing at or below this position is in the ring
	head       int64
	blocks     []*block
	size       int // of the blocks' bytes
}

// add gives the ring with b at its end, and without the oldest blocks that no longer fit.
func (r *ring) add(b *block, maxEvents, maxBytes int) *ring {
	next := *r
	next.head, next.size = b.last(), r.size+len(b.bytes)
	drop := 0
	for drop < len(r.blocks) && (next.size > maxBytes || next.head-next.base > int64(maxEvents)) {
		next.base, next.size = r.blocks[drop].last(), next.size-len(r.blocks[drop].bytes)
		drop++
	}
	next.blocks = append(slices.Clone(r.blocks[drop:]), b)
	return &next
}

// after finds the block that has the event after position; nil when the event has left the ring.
func (r *ring) after(position int64) *block { return find(r.blocks, position) }

func find(blocks []*block, position int64) *block {
	n := len(blocks)
	if n == 0 || position < blocks[0].first-1 {
		return nil
	}
	if last := blocks[n-1]; position >= last.first-1 {
		if position >= last.last() {
			return nil
		}
		return last // the position of all connections that keep up
	}
	return blocks[sort.Search(n, func(i int) bool { return blocks[i].last() > position })]
}
