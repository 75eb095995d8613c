package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// serve sends one request through the middleware around a chi router.
func serve(rec *telemetrytest.Recorder, o telemetry.HTTPOptions, r *http.Request, routes func(chi.Router)) *httptest.ResponseRecorder {
	router := chi.NewRouter()
	router.Use(rec.HTTP(o))
	routes(router)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	return w
}

// get is a router with one route that runs the handler.
func get(pattern string, h http.HandlerFunc) func(chi.Router) {
	return func(r chi.Router) { r.Get(pattern, h) }
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

func attr(span tracetest.SpanStub, key string) string {
	for _, kv := range span.Attributes {
		if kv.Key == attribute.Key(key) {
			return kv.Value.String()
		}
	}
	return ""
}

// sample is the first sample line of a metric that has all the labels.
func sample(t *testing.T, metrics, name string, labels ...string) string {
	t.Helper()
next:
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue next
			}
		}
		return strings.TrimSpace(line)
	}
	return ""
}

func TestHTTP_Route(t *testing.T) {
	routes := func(r chi.Router) {
		r.Get("/", ok)
		r.Get("/files/*", ok)
		r.Route("/api/v1", func(r chi.Router) {
			r.Get("/drifts/{id}", ok)
			r.Mount("/inner", func() http.Handler {
				inner := chi.NewRouter()
				inner.Get("/{name}/x", ok)
				return inner
			}())
		})
	}
	for name, tc := range map[string]struct {
		method, path string
		status       int
		route        string
	}{
		"root":                             {"GET", "/", 200, "/"},
		"parameter in a sub-router":        {"GET", "/api/v1/drifts/42", 200, "/api/v1/drifts/{id}"},
		"mounted router":                   {"GET", "/api/v1/inner/a/x", 200, "/api/v1/inner/{name}/x"},
		"wildcard":                         {"GET", "/files/a/b", 200, "/files/*"},
		"nothing":                          {"GET", "/nothing", 404, "unmatched"},
		"nothing in a sub-router":          {"GET", "/api/v1/nothing", 404, "unmatched"},
		"nothing in a mounted router":      {"GET", "/api/v1/inner/nothing", 404, "unmatched"},
		"method not allowed":               {"POST", "/", 405, "unmatched"},
		"method not allowed further in":    {"PUT", "/api/v1/drifts/42", 405, "unmatched"},
		"encoded slash":                    {"GET", "/api/v1/drifts/a%2Fb", 200, "/api/v1/drifts/{id}"},
		"method that a client has made up": {"BREW", "/", 405, "unmatched"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			rec := telemetrytest.Start(t)
			w := serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest(tc.method, tc.path, nil), routes)
			if w.Code != tc.status {
				t.Fatalf("status %d, want %d", w.Code, tc.status)
			}
			label, spanMethod := tc.method, tc.method
			if tc.method == "BREW" {
				label, spanMethod = "_OTHER", "HTTP"
			}
			if got := attr(rec.Span(spanMethod+" "+tc.route), "http.route"); got != tc.route {
				t.Errorf("http.route of the span is %q, want %q", got, tc.route)
			}
			if got := rec.Log("request")["route"]; got != tc.route {
				t.Errorf("route of the access line is %q, want %q", got, tc.route)
			}
			metrics := rec.Metrics()
			if sample(t, metrics, "http_requests_total", `method="`+label+`"`, `path="`+tc.route+`"`) == "" {
				t.Errorf("http_requests_total has no %s %s:\n%s", label, tc.route, metrics)
			}
			if sample(t, metrics, "http_server_request_duration_seconds_count", `http_request_method="`+label+`"`, `http_route="`+tc.route+`"`) == "" {
				t.Errorf("http_server_request_duration_seconds has no %s %s:\n%s", label, tc.route, metrics)
			}
		})
	}

	t.Run("pattern_of_ServeMux", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET example.com/things/{id}", ok)
		rec.HTTP(telemetry.HTTPOptions{})(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/things/1", nil))
		rec.Span("GET /things/{id}")
	})
}

func TestHTTP_AccessLine(t *testing.T) {
	t.Run("names_the_request_its_user_and_its_trace", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		r := httptest.NewRequest("GET", "/things/7?token=hunter2hunter2", nil)
		w := serve(rec, telemetry.HTTPOptions{}, r, get("/things/{id}", func(w http.ResponseWriter, r *http.Request) {
			telemetry.SetUser(r.Context(), "u-1", "a-1", "admin")
			rec.Logger().InfoContext(r.Context(), "inside")
			ok(w, r)
		}))
		id := w.Header().Get("X-Correlation-ID")
		for _, message := range []string{"inside", "request"} {
			line := rec.Log(message)
			for key, want := range map[string]any{
				"userId": "u-1", "accountId": "a-1", "role": "admin", "trace_id": id,
				"service": "test", "version": "1.2.3", "environment": "test", "level": "info",
			} {
				if line[key] != want {
					t.Errorf("%s: %s is %v, want %v", message, key, line[key], want)
				}
			}
		}
		line := rec.Log("request")
		for key, want := range map[string]any{
			"method": "GET", "path": "/things/7", "route": "/things/{id}", "status": 200.0, "bytes": 2.0,
		} {
			if line[key] != want {
				t.Errorf("%s is %v, want %v", key, line[key], want)
			}
		}
		if _, isNumber := line["duration_ms"].(float64); !isNumber {
			t.Errorf("duration_ms is %v, want a number", line["duration_ms"])
		}
		if line := rec.Log("request started"); line["level"] != "debug" || line["trace_id"] != id {
			t.Errorf("request started: %v", line)
		}
		if got := attr(rec.Span("GET /things/{id}"), "user.id"); got != "u-1" {
			t.Errorf("user.id of the span is %q", got)
		}
		if strings.Contains(rec.Output(), "hunter2") {
			t.Errorf("the query was logged:\n%s", rec.Output())
		}
	})

	for status, level := range map[int]string{200: "info", 302: "info", 404: "warn", 409: "warn", 500: "error", 503: "error"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			rec := telemetrytest.Start(t)
			serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, r *http.Request) {
				telemetry.SetError(r.Context(), "SOME_CODE", nil, false)
				w.WriteHeader(status)
			}))
			if line := rec.Log("request"); line["level"] != level || line["error.code"] != "SOME_CODE" {
				t.Errorf("got %v, want level %s and the code", line, level)
			}
			if sample(t, rec.Metrics(), "errors_total", `code="SOME_CODE"`, `path="/"`) == "" {
				t.Errorf("errors_total does not count it:\n%s", rec.Metrics())
			}
		})
	}

	t.Run("cannot_be_forged", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = "/a\n{\"level\":\"fatal\"}\x1b[31m\xff" + strings.Repeat("x", 1000)
		r.Header.Set("User-Agent", "evil\nagent\x1b[2J")
		serve(rec, telemetry.HTTPOptions{}, r, get("/*", ok))
		line := rec.Log("request") // and so exactly one line of JSON
		path, _ := line["path"].(string)
		if strings.ContainsAny(path, "\n\x1b") || len(path) > 600 {
			t.Errorf("path is not made harmless: %q", path)
		}
		if got := attr(rec.Span("GET /*"), "url.path"); !strings.Contains(got, "\uFFFD") {
			t.Errorf("url.path is not made valid UTF-8: %.60q", got)
		}
	})
}

func TestHTTP_Quiet(t *testing.T) {
	rec := telemetrytest.Start(t)
	quiet := telemetry.HTTPOptions{Quiet: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/health") }}
	w := serve(rec, quiet, httptest.NewRequest("GET", "/health/live", nil), get("/health/live", func(w http.ResponseWriter, r *http.Request) {
		_, span := rec.Tracer().Start(r.Context(), "query")
		span.End()
		if got := telemetry.TraceID(r.Context()); got != w.Header().Get("X-Correlation-ID") || len(got) != 32 {
			t.Errorf("trace ID in the context is %q", got)
		}
		ok(w, r)
	}))
	if w.Header().Get("X-Correlation-ID") == "" || !strings.HasSuffix(w.Header().Get("Server-Timing"), `-00"`) {
		t.Errorf("headers: %v", w.Header())
	}
	if spans := rec.Spans(); len(spans) > 0 {
		t.Errorf("spans were exported: %v", spans)
	}
	if out := rec.Output(); out != "" {
		t.Errorf("lines were written: %s", out)
	}
	if metrics := rec.Metrics(); strings.Contains(metrics, "/health/live") || strings.Contains(metrics, "http_requests_total{") {
		t.Errorf("request metrics were recorded:\n%s", metrics)
	}
}
