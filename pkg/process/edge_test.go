package process_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func edge(t *testing.T, handler http.HandlerFunc) http.Handler {
	t.Helper()
	e := process.Edge{
		Telemetry: telemetrytest.Start(t), Proxies: []string{"10.0.0.0/8"}, Timeout: time.Minute,
		Health: health.New("1", "", func() bool { return true }, nil),
	}
	return e.Router(process.Caller{}, func(r chi.Router) { r.Get("/", handler) })
}

// The client's address is read from what proxies really send.
func TestEdge_client_address(t *testing.T) {
	var got string
	handler := edge(t, func(_ http.ResponseWriter, r *http.Request) { got = middleware.GetClientIP(r.Context()) })
	for name, tc := range map[string]struct {
		peer   string
		header http.Header
		want   string
	}{
		"a_list_of_addresses":         {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.7, 10.0.0.2"}}, "203.0.113.7"},
		"with_ports":                  {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.7:51000, 10.0.0.2:443"}}, "203.0.113.7"},
		"IPv6_with_a_port":            {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"[2001:db8::7]:51000"}}, "2001:db8::7"},
		"IPv6":                        {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7"},
		"RFC_7239":                    {"10.0.0.1:1", http.Header{"Forwarded": {`For="[2001:db8::7]:4711";proto=https, for=10.0.0.2;by="10.0.0.1, x"`}}, "2001:db8::7"},
		"RFC_7239_in_two_headers":     {"10.0.0.1:1", http.Header{"Forwarded": {"for=203.0.113.7", "for=10.0.0.2"}}, "203.0.113.7"},
		"RFC_7239_hides_the_client":   {"10.0.0.1:1", http.Header{"Forwarded": {"for=203.0.113.7, for=_hidden"}}, "10.0.0.1"},
		"X-Forwarded-For_comes_first": {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.7"}, "Forwarded": {"for=203.0.113.8"}}, "203.0.113.7"},
		"a_client_invents_an_entry":   {"10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1:1, 203.0.113.7:51000"}}, "203.0.113.7"},
		"a_peer_that_is_no_proxy":     {"203.0.113.9:1", http.Header{"Forwarded": {"for=203.0.113.7"}}, "203.0.113.9"},
	} {
		t.Run(name, func(t *testing.T) {
			got = ""
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header = tc.peer, tc.header
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Load balancers probe with HEAD, too.
func TestEdge_head_of_health(t *testing.T) {
	handler := edge(t, nil)
	for _, path := range []string{"/health/live", "/health/ready", "/health/detailed"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, w.Code)
		}
	}
}
