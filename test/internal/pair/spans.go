package pair

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// SpansPath is where the console reads a trace.
const SpansPath = "/spans/{traceId}"

// maxSpans is how many spans of a trace the console gets.
const maxSpans = 5000

// Spans gives the console of the api at this address a trace as JSON. The caller shows an access token, which api must know. It waits at
// most this long for a trace that has not come.
func Spans(store *otlpsink.Store, api string, patience time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS "+SpansPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET "+SpansPath, func(w http.ResponseWriter, r *http.Request) {
		if !knows(r.Context(), api, r.Header.Get("Authorization")) {
			http.Error(w, "an access token of the api is needed", http.StatusUnauthorized)
			return
		}
		id := r.PathValue("traceId")
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		err := store.WaitFor(ctx, func(s *otlpsink.Store) bool { _, ok := s.Trace(id); return ok })
		if err != nil {
			http.Error(w, "the trace has not come, or is forgotten", http.StatusNotFound)
			return
		}
		trace, _ := store.Trace(id)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(traceForPage(trace))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Origin")
		if origin := r.Header.Get("Origin"); slices.Contains(origins(api), origin) {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		}
		mux.ServeHTTP(w, r)
	})
}

// origins are the names that browsers on this machine have for the api.
func origins(api string) []string {
	u, err := url.Parse(api)
	if err != nil {
		return nil
	}
	return []string{"http://localhost:" + u.Port(), "http://127.0.0.1:" + u.Port()}
}

// knows reports whether the api lets a caller with these credentials in.
func knows(ctx context.Context, api, credentials string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/api/v1/users/me", http.NoBody)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", credentials)
	res, err := desks.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

var desks = http.Client{Timeout: 10 * time.Second}

// What the console's screen of a trace reads. Times are milliseconds from the start of the first span.
type (
	pageTrace struct {
		StartedAt time.Time  `json:"startedAt"`
		Spans     []pageSpan `json:"spans"`
		Logs      []pageLog  `json:"logs"`
		// More is how many spans there are beside these.
		More int `json:"more"`
	}
	pageSpan struct {
		ID         string         `json:"id"`
		ParentID   string         `json:"parentId"`
		Name       string         `json:"name"`
		Kind       otlpsink.Kind  `json:"kind"`
		Service    string         `json:"service"`
		Start      float64        `json:"start"`
		Duration   float64        `json:"duration"`
		Failed     bool           `json:"failed"`
		Message    string         `json:"message"`
		Attributes map[string]any `json:"attributes"`
		Links      []string       `json:"links"`
	}
	pageLog struct {
		SpanID     string         `json:"spanId"`
		At         float64        `json:"at"`
		Severity   string         `json:"severity"`
		Service    string         `json:"service"`
		Body       string         `json:"body"`
		Attributes map[string]any `json:"attributes"`
	}
)

func traceForPage(t otlpsink.Trace) pageTrace {
	page := pageTrace{Spans: []pageSpan{}, Logs: []pageLog{}}
	if len(t.Spans) == 0 {
		return page
	}
	page.StartedAt = t.Spans[0].Start
	since := func(at time.Time) float64 { return float64(at.Sub(page.StartedAt).Microseconds()) / 1000 }
	for _, s := range t.Spans[:min(len(t.Spans), maxSpans)] {
		links := []string{}
		for _, l := range s.Links {
			links = append(links, l.TraceID)
		}
		page.Spans = append(page.Spans, pageSpan{
			s.SpanID, s.ParentID, s.Name, s.Kind, s.Service, since(s.Start), float64(s.Duration().Microseconds()) / 1000, s.Status == otlpsink.StatusError,
			s.StatusMessage, s.Attributes, links,
		})
	}
	page.More = len(t.Spans) - len(page.Spans)
	for _, l := range t.Logs[:min(len(t.Logs), maxSpans)] {
		page.Logs = append(page.Logs, pageLog{l.SpanID, since(l.Time), l.Severity, l.Service, l.Body, l.Attributes})
	}
	return page
}
