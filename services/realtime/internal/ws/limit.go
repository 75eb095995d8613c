package ws

import (
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
)

// Limits bound the load of a replica. Zero is no limit. An address belongs to one subscriber: an IPv4 address, or an
// IPv6 network of 64 bits.
type Limits struct {
	Total      int // sockets
	PerUser    int // sockets
	PerAddress int // sockets
	Handshakes int // a minute, from an address
	Pending    int // TCP connections that are not sockets yet
}

// limit is one of them, with the error for a client that reaches it.
type limit struct {
	name    string // as in the metrics
	kind    apierror.Kind
	message string
}

var (
	limitTotal      = limit{"total", apierror.Unavailable, "there are too many connections"}
	limitUser       = limit{"user", apierror.RateLimited, "this user has too many connections"}
	limitAddress    = limit{"address", apierror.RateLimited, "there are too many connections from this address"}
	limitHandshakes = limit{"handshakes", apierror.RateLimited, "there are too many attempts to connect from this address"}
	limitPending    = limit{name: "pending"} // Without a response: the connection is closed.
)

func (l limit) Error() string { return "the limit " + l.name }

func (l limit) met(retryAfter time.Duration) error {
	return &apierror.Error{Kind: l.kind, Message: l.message, RetryAfter: retryAfter, Err: l}
}

// How long a refused client is asked to wait.
const placeRetry = 10 * time.Second

// newHandshakes makes the buckets of handshakes; nil without a limit.
func newHandshakes(l Limits) *ratelimit.Places {
	if l.Handshakes <= 0 {
		return nil
	}
	return ratelimit.NewPlaces(l.Handshakes, time.Minute)
}

// attempt counts a handshake from this address, whatever its result: looking up a session costs the database more
// than it costs the caller.
func (s *Server) attempt(from netip.Addr) error {
	if s.handshakes == nil {
		return nil
	}
	if wait := s.handshakes.Take(from); wait > 0 {
		return limitHandshakes.met(wait)
	}
	return nil
}

// pending counts the connections that are not sockets yet.
type pending struct{ n atomic.Int64 }

// ConnState is for the http.Server that serves Handshake. A client that connects and sends nothing holds a descriptor
// until the server's timeout. Beyond the limit a new connection is closed immediately, so that there are always some
// left for the open sockets' service: the database, the exporters, the probes.
func (s *Server) ConnState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if n := s.pending.n.Add(1); s.config.Limits.Pending > 0 && n > int64(s.config.Limits.Pending) {
			s.instruments.limited(limitPending)
			_ = c.Close() // The server notices that it is closed, and reports it here.
		}
	case http.StateHijacked, http.StateClosed:
		s.pending.n.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}
