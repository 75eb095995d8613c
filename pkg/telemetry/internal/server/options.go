package server

import (
	"net"
	"net/http"
)

// Options fit the middleware to a service. All are optional.
type Options struct {
	// Trusted reports whether the caller is authenticated, so that its trace is
	// continued. Others get a fresh trace, linked to what they sent. It is asked
	// once, before the span, and must not do I/O. By default no caller is.
	Trusted func(*http.Request) bool
	// Quiet picks the requests, of probes and scrapers, that get IDs but leave no
	// span, metric or access line.
	Quiet func(*http.Request) bool
	// Route names the route after the handler has run, "" when none matched. It
	// defaults to chi's pattern, or http.ServeMux's.
	Route func(*http.Request) string
	// Panic responds to a request whose handler panicked before it wrote anything.
	// The default is a plain 500.
	Panic func(http.ResponseWriter, *http.Request, error)
	// ClientAddress defaults to the peer's, without its port. Set it when there
	// are trusted proxies.
	ClientAddress func(*http.Request) string
}

func (o Options) withDefaults() Options {
	if o.Trusted == nil {
		o.Trusted = func(*http.Request) bool { return false }
	}
	if o.Quiet == nil {
		o.Quiet = func(*http.Request) bool { return false }
	}
	if o.Route == nil {
		o.Route = defaultRoute
	}
	if o.Panic == nil {
		o.Panic = func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	}
	if o.ClientAddress == nil {
		o.ClientAddress = peerAddress
	}
	return o
}

func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
