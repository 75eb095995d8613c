package hub

import (
	"bytes"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// wake writes new events, and counts them.
func (s *Subscriber) wake() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flush()
}

// flush writes as much as the kernel takes immediately, and counts the events. A goroutine that may wait writes the
// rest.
func (s *Subscriber) flush() (delivered int) {
	if s.state != live {
		return 0
	}
	for {
		p, todo := s.pull()
		switch todo {
		case nothing:
			s.endReplay()
			return delivered
		case read:
			s.fallBehind()
			return delivered
		case finish:
			s.finish(nil)
			return delivered
		case write:
			n, err := s.conn.TryWrite(p.bytes)
			if err != nil {
				s.finish(err)
				return delivered
			}
			delivered += s.wrote(p, n)
			if n < len(p.bytes) {
				s.fallBehind()
				return delivered
			}
		}
	}
}

// piece is the next data to write: bytes of this connection, or frames of a shared block.
type piece struct {
	bytes    []byte
	block    *block // nil when bytes are s.rest
	from, to int
}

// todo is the next step.
type todo uint8

const (
	nothing todo = iota // everything is written
	write
	read   // the source: the ring has moved past the position
	finish // the last frame is written
)

// maxPiece bounds the size of one write, so that progress is visible.
const maxPiece = 64 << 10

// pull finds what to write next.
func (s *Subscriber) pull() (piece, todo) {
	switch {
	case len(s.rest) > 0:
	case len(s.queue) > 0:
		s.rest, s.queue = s.queue, nil
	case s.closing && s.last == nil:
		return piece{}, finish
	case s.closing:
		s.rest, s.last = s.last, nil
	case !s.subscribed:
		return piece{}, nothing
	default:
		return s.pullEvents()
	}
	return piece{bytes: s.rest}, write
}

func (s *Subscriber) pullEvents() (piece, todo) {
	r := s.stream.ring.Load()
	if s.generation != r.generation {
		s.generation = r.generation
		s.resync(r.reason, event.Cursor{Epoch: r.epoch, Position: r.base})
		return s.pull()
	}
	for position := s.position.Load(); position < r.head; {
		b := r.after(position)
		if b == nil {
			if b = find(s.replay, position); b == nil {
				return piece{}, read
			}
		}
		from := int(position + 1 - b.first)
		for from < len(b.frames) && !s.interest.wants(&b.frames[from]) {
			from++
		}
		position = b.first + int64(from) - 1
		s.position.Store(position)
		if from == len(b.frames) {
			continue
		}
		to := from + 1
		for to < len(b.frames) && b.frames[to].end-b.start(from) <= maxPiece && s.interest.wants(&b.frames[to]) {
			to++
		}
		s.link(b)
		return piece{b.bytes[b.start(from):b.frames[to-1].end], b, from, to}, write
	}
	s.replay = nil
	return piece{}, nothing
}

// wrote records that n bytes of p were written, and counts the events. A partly written event counts, and its
// rest is kept; only the rest, because the block may be large.
func (s *Subscriber) wrote(p piece, n int) (delivered int) {
	if p.block == nil {
		s.rest = p.bytes[n:]
		return 0
	}
	n += p.block.start(p.from)
	i := p.from
	for i < p.to && p.block.frames[i].end <= n {
		i++
	}
	if i < p.to && p.block.start(i) < n {
		s.rest = bytes.Clone(p.block.bytes[n:p.block.frames[i].end])
		i++
	}
	s.position.Store(p.block.first + int64(i) - 1)
	return i - p.from
}

// finish ends writing: after the last frame, or because of err.
func (s *Subscriber) finish(err error) {
	if s.state != ended {
		s.end()
		s.conn.Finish(err)
	}
}

func (s *Subscriber) end() {
	s.state = ended
	s.rest, s.queue, s.last, s.replay = nil, nil, nil, nil
	s.endReplay()
	if s.cut != nil {
		s.cut()
	}
}
