package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/console"
)

// ConsoleOptions are what the page needs to know; nil serves no console.
type ConsoleOptions struct {
	// RealtimeURL is where the page opens its socket; empty when that is /ws of its own origin.
	RealtimeURL string
	// TraceSourceURL is where the page reads a trace that it draws, with {traceId} in it; empty when there is no such place.
	TraceSourceURL string
	Version        string
}

// screens are the paths of the console. The page reads the path itself.
var screens = []string{
	"/", "/inbox", "/drifts/{id}", "/workspaces", "/workspaces/{name}", "/checks", "/checks/{id}", "/alerts", "/insights", "/audit",
	"/settings", "/settings/*", "/trace/{id}", "/sign-in",
}

// pages are the routes of the console.
func (s *Server) pages() []route {
	o := s.options.Console
	if o == nil {
		return nil
	}
	const get = http.MethodGet
	var list []route
	page, policy := console.Page(), consolePolicy(o.RealtimeURL, o.TraceSourceURL)
	for _, pattern := range screens {
		list = append(list, route{get, pattern, everyone, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Add("Vary", "Accept")
			// For anyone but a browser there is nothing here.
			if !strings.Contains(r.Header.Get("Accept"), "text/html") {
				rest.NotFound(w, r)
				return nil
			}
			serve(w, r, page, "no-cache", policy)
			return nil
		}, parameters})
	}
	assets := map[string]console.File{}
	for _, f := range console.Assets() {
		assets[f.Name] = f
	}
	list = append(list,
		route{get, "/assets/{file}", everyone, func(w http.ResponseWriter, r *http.Request) error {
			f, ok := assets[chi.URLParam(r, "file")]
			if !ok {
				rest.NotFound(w, r)
				return nil
			}
			serve(w, r, f, "public, max-age=31536000, immutable", pagePolicy)
			return nil
		}, parameters},
		route{get, "/console.json", everyone, s.consoleConfig, plain},
	)
	return list
}

// consolePolicy lets the page run its own scripts and styles, and reach its own origin and the places in its settings. No script makes
// HTML of a text: with Trusted Types, the browser refuses that.
func consolePolicy(places ...string) string {
	connect := []string{"'self'"}
	for _, place := range places {
		if u, err := url.Parse(strings.ReplaceAll(place, "{traceId}", "")); err == nil && u.Host != "" {
			connect = append(connect, u.Scheme+"://"+u.Host)
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + strings.Join(connect, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// serve sends a file of the console, compressed for those who take it; endpoint says that it varies.
func serve(w http.ResponseWriter, r *http.Request, f console.File, cached, policy string) {
	h := w.Header()
	h.Set("Content-Type", f.ContentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", cached)
	h.Set("ETag", f.ETag)
	body := f.Body
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.Gzip
	}
	// No parts: see outside.
	r.Header.Del("Range")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reports whether the client names gzip and does not refuse it.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.ReplaceAll(part, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			return !slices.Contains([]string{"q=0", "q=0.0", "q=0.00", "q=0.000"}, weight)
		}
	}
	return false
}

// consoleConfig tells the page about the installation.
func (s *Server) consoleConfig(w http.ResponseWriter, _ *http.Request) error {
	o := s.options.Console
	orNull := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	provider := ""
	if s.options.Provider != nil {
		provider = s.options.Provider.Host()
	}
	body, err := json.Marshal(struct {
		Version     string  `json:"version"`
		Realtime    *string `json:"realtime"`
		TraceURL    *string `json:"traceUrl"`
		TraceSource *string `json:"traceSource"`
		Provider    *string `json:"provider"`
	}{o.Version, orNull(o.RealtimeURL), orNull(s.options.TraceURL), orNull(o.TraceSourceURL), orNull(provider)})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	rest.Raw(w, http.StatusOK, body)
	return nil
}
