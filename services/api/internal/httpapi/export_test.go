package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Route is a line of the URL surface, for tests.
type Route struct {
	Method, Path string
	Open, Keys   bool
	Recent       bool
	Role         identity.Role
}

// Routes is the URL surface.
func Routes() []Route {
	var list []Route
	for _, rt := range (&Server{}).routes() {
		list = append(list, Route{rt.method, prefix + rt.pattern, rt.access.open, rt.access.keys, rt.access.recent, rt.access.role})
	}
	for _, rt := range (&Server{}).outside() {
		list = append(list, Route{rt.method, rt.pattern, rt.access.open, rt.access.keys, rt.access.recent, rt.access.role})
	}
	return list
}

// Cell is a text in a CSV.
func Cell(s string) string { return cell(s) }

// ExportSlots are those of one replica.
type ExportSlots = exports

// NewExportSlots makes free ones.
func NewExportSlots() *ExportSlots { return newExports() }

// Begin takes a slot, and End gives it back.
func (e *exports) Begin(account uuid.UUID) error { return e.begin(account) }
func (e *exports) End(account uuid.UUID)         { e.end(account) }

// Impatient looks again at the sender of every body.
func Impatient(s *Server) { s.recheckAfter = 0 }

// With is the server with one more route, for viewers.
func With(s *Server, method, pattern string, handler rest.Handler) http.Handler {
	r := s.router()
	r.Method(method, prefix+pattern, s.endpoint(route{method, pattern, viewer, handler, plain}))
	return r
}

// Screens are the paths of the console.
func Screens() []string { return screens }
