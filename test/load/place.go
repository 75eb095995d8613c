package load

import "sync/atomic"

// deliveries counts the events of all sockets together, and violations of their order.
type deliveries struct {
	received   atomic.Int64 // events, including repeated ones
	repeated   atomic.Int64 // received again after a reconnect, which is allowed
	lost       atomic.Int64 // positions that a socket skipped
	duplicated atomic.Int64 // came twice over one connection
	reordered  atomic.Int64 // came after a later one over one connection
	resyncs    atomic.Int64 // the server told a socket that its cursor is too old
}

// place is how far one socket is in its account's stream, over all its connections.
type place struct {
	has  int64 // everything up to this position
	last int64 // the last position of this connection; 0 at its beginning
}

// event records the position of a received event.
func (p *place) event(position int64, d *deliveries) {
	d.received.Add(1)
	switch {
	case p.last > 0 && position == p.last:
		d.duplicated.Add(1)
		return
	case position < p.last:
		d.reordered.Add(1)
		return
	}
	p.last = position
	if position <= p.has {
		d.repeated.Add(1)
		return
	}
	p.reach(position-1, d)
	p.has = position
}

// reach records that the server has sent everything up to the position: missing events are lost.
func (p *place) reach(position int64, d *deliveries) {
	if position > p.has {
		d.lost.Add(position - p.has)
		p.has = position
	}
}
