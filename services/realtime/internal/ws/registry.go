package ws

import (
	"net/netip"
	"sync"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

// registry is the open connections, and the places that are taken. A place is taken before a connection is opened.
type registry struct {
	limits Limits

	mu        sync.Mutex
	conns     map[*conn]struct{}
	users     map[uuid.UUID]int
	addresses map[netip.Prefix]int
	places    int
	closed    bool
	empty     chan struct{} // closed when closed, and the last place is free
}

func newRegistry(limits Limits) *registry {
	return &registry{
		limits: limits, conns: make(map[*conn]struct{}), users: make(map[uuid.UUID]int),
		addresses: make(map[netip.Prefix]int), empty: make(chan struct{}),
	}
}

// place is the share of a connection in the limits.
type place struct {
	user    uuid.UUID
	network netip.Prefix
}

// take reserves a place.
func (r *registry) take(p place) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := func(n, limit int) bool { return limit > 0 && n >= limit }
	switch {
	case r.closed:
		return apierror.New(apierror.Unavailable, "the service restarts")
	case full(r.places, r.limits.Total):
		return limitTotal.met(placeRetry)
	case full(r.users[p.user], r.limits.PerUser):
		return limitUser.met(placeRetry)
	case full(r.addresses[p.network], r.limits.PerAddress):
		return limitAddress.met(placeRetry)
	}
	r.places++
	r.users[p.user]++
	r.addresses[p.network]++
	return nil
}

// give frees a place.
func (r *registry) give(p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places--
	drop(r.users, p.user)
	drop(r.addresses, p.network)
	if r.closed && r.places == 0 {
		close(r.empty)
	}
}

func drop[K comparable](counts map[K]int, key K) {
	counts[key]--
	if counts[key] == 0 {
		delete(counts, key)
	}
}

// add lists an open connection. It reports false when the service stops: the connection should be closed.
func (r *registry) add(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = struct{}{}
	return !r.closed
}

func (r *registry) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// close refuses new connections.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if r.places == 0 {
		close(r.empty)
	}
}

// pick gives the connections for which yes is true.
func (r *registry) pick(yes func(*conn) bool) []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	var picked []*conn
	for c := range r.conns {
		if yes(c) {
			picked = append(picked, c)
		}
	}
	return picked
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}
