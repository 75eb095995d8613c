// Package httpapi is the api service's edge: the routes, who may call them, and the translation between HTTP and the
// domain. Nothing here knows Postgres.
package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Server answers the HTTP requests.
type Server struct {
	drifts  *drift.Service
	uploads *uploads
}

// Handler is the whole edge.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)
	for _, rt := range s.routes() {
		r.Method(rt.method, prefix+rt.pattern, rt.handler)
	}
	return r
}
