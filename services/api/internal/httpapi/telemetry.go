package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/browser"
)

// What the console measures in a browser is worth little room and few requests.
const (
	maxReport        = 64 << 10
	reportsPerMinute = 60
)

func (s *Server) takeTelemetry(w http.ResponseWriter, r *http.Request) error {
	p := caller(r)
	if err := s.limits.report(p); err != nil {
		return err
	}
	var body struct {
		Spans []browser.Span `json:"spans"`
	}
	if err := rest.DecodeUpTo(w, r, &body, maxReport); err != nil {
		return err
	}
	if err := s.options.Browser.Take(r.Context(), p, s.spanNames, body.Spans); err != nil {
		return err
	}
	return rest.OK(w, nil)
}

// spanNamesOf are the names that spans of the console may have: its screens, and the requests of the API.
func spanNamesOf(routes []route) browser.Names {
	n := browser.Names{Screens: screens, Prefix: prefix}
	for _, rt := range routes {
		n.Requests = append(n.Requests, rt.method+" "+rt.pattern)
	}
	return n
}
