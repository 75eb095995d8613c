package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/codes"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestHTTP_Panic(t *testing.T) {
	t.Run("becomes_the_services_500", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		options := telemetry.HTTPOptions{Panic: func(w http.ResponseWriter, r *http.Request, err error) {
			telemetry.SetError(r.Context(), "BROKEN", err, true)
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, telemetry.TraceID(r.Context()))
		}}
		w := serve(rec, options, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			panic("boom")
		}))
		if w.Code != 500 || w.Body.String() != w.Header().Get("X-Correlation-ID") || w.Header().Get("Content-Length") != "" {
			t.Errorf("response: %d %v %s", w.Code, w.Header(), w.Body)
		}
		line := rec.Log("request")
		stack, _ := line["error.stack"].(string)
		if line["level"] != "error" || line["error.code"] != "BROKEN" || line["error.message"] != "panic: boom" ||
			!strings.HasPrefix(stack, "github.com/driftsentry/driftsentry/pkg/telemetry_test.TestHTTP_Panic.") || strings.Contains(stack, "otelhttp") {
			t.Errorf("access line: %v", line)
		}
		span := rec.Span("GET /")
		if span.Status.Code != codes.Error || len(span.Events) != 1 || span.Events[0].Name != "exception" {
			t.Errorf("span: %v %v", span.Status, span.Events)
		}
		metrics := rec.Metrics()
		if sample(t, metrics, "http_server_request_duration_seconds_count", `http_response_status_code="500"`, `http_route="/"`) == "" {
			t.Errorf("its duration was not recorded:\n%s", metrics)
		}
		if sample(t, metrics, "errors_total", `code="BROKEN"`) == "" {
			t.Errorf("errors_total does not count it:\n%s", metrics)
		}
	})

	t.Run("in_the_response_is_a_500", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		options := telemetry.HTTPOptions{Panic: func(http.ResponseWriter, *http.Request, error) { panic("again") }}
		w := serve(rec, options, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic("boom") }))
		if w.Code != 500 || rec.Log("request")["error.message"] != "panic: boom" {
			t.Errorf("response %d, line %v", w.Code, rec.Log("request"))
		}
	})

	t.Run("in_the_middle_of_a_response_cuts_the_connection", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		router := chi.NewRouter()
		router.Use(rec.HTTP(telemetry.HTTPOptions{}))
		router.Get("/", func(w http.ResponseWriter, _ *http.Request) {
			ok(w, nil)
			_ = http.NewResponseController(w).Flush()
			panic("boom")
		})
		server := httptest.NewServer(router)
		defer server.Close()
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("the client took %q for a whole response", body)
		}
		server.Close() // waits for the handler
		if line := rec.Log("request"); line["level"] != "error" || line["status"] != 200.0 {
			t.Errorf("access line: %v", line)
		}
		if sample(t, rec.Metrics(), "http_server_request_duration_seconds_count") == "" {
			t.Error("its duration was not recorded")
		}
	})

	t.Run("on_a_quiet_route_is_reported", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		w := serve(rec, telemetry.HTTPOptions{Quiet: func(*http.Request) bool { return true }},
			httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic("boom") }))
		if line := rec.Log("unexpected error"); w.Code != 500 || line["error.message"] != "panic: boom" {
			t.Errorf("response %d, line %v", w.Code, line)
		}
	})

	t.Run("http.ErrAbortHandler_is_passed_on", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("recovered %v", err)
			}
			if rec.Log("request")["error.code"] != nil {
				t.Errorf("it was taken for an error: %v", rec.Log("request"))
			}
		}()
		serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	})
}

func TestHTTP_ClientGone(t *testing.T) {
	for name, response := range map[string]func(http.ResponseWriter, *http.Request){
		"after_an_error": func(w http.ResponseWriter, r *http.Request) {
			telemetry.SetError(r.Context(), "BROKEN", r.Context().Err(), true)
			w.WriteHeader(http.StatusInternalServerError)
		},
		"without_an_response": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			rec := telemetrytest.Start(t)
			ctx, leave := context.WithCancel(t.Context())
			r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
			serve(rec, telemetry.HTTPOptions{}, r, get("/", func(w http.ResponseWriter, r *http.Request) {
				leave()
				response(w, r)
			}))
			if line := rec.Log("request"); line["status"] != 499.0 || line["level"] != "warn" {
				t.Errorf("access line: %v", line)
			}
			if span := rec.Span("GET /"); span.Status.Code == codes.Error || len(span.Events) > 0 {
				t.Errorf("span: %v %v", span.Status, span.Events)
			}
			metrics := rec.Metrics()
			if sample(t, metrics, "http_requests_total", `status="499"`) == "" || sample(t, metrics, "http_server_request_duration_seconds_count", `http_response_status_code="499"`) == "" {
				t.Errorf("no 499 in the metrics:\n%s", metrics)
			}
		})
	}

	t.Run("an_error_of_our_own_stays_one", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		ctx, leave := context.WithCancel(t.Context())
		serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil).WithContext(ctx), get("/", func(w http.ResponseWriter, r *http.Request) {
			leave()
			telemetry.SetError(r.Context(), "BROKEN", errors.New("disk full"), true)
			w.WriteHeader(http.StatusInternalServerError)
		}))
		if line := rec.Log("request"); line["level"] != "error" || line["error.message"] != "disk full" {
			t.Errorf("access line: %v", line)
		}
	})

	t.Run("a_deadline_is_ours", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		w := serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 0)
			defer cancel()
			<-ctx.Done()
			w.WriteHeader(http.StatusGatewayTimeout)
		}))
		if line := rec.Log("request"); w.Code != 504 || line["status"] != 504.0 {
			t.Errorf("access line: %v", line)
		}
	})
}

func TestHTTP_SlowRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		takes time.Duration
		slow  any
		level string
	}{
		"at_the_threshold":    {2 * time.Second, true, "warn"},
		"below_the_threshold": {2*time.Second - time.Millisecond, nil, "info"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.SlowRequest = 2 * time.Second })
				serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, r *http.Request) {
					<-time.After(tc.takes)
					ok(w, r)
				}))
				line := rec.Log("request")
				if line["slow"] != tc.slow || line["level"] != tc.level || line["duration_ms"] != float64(tc.takes.Milliseconds()) {
					t.Errorf("access line: %v", line)
				}
			})
		})
	}
}

func TestHTTP_late(t *testing.T) {
	for name, tc := range map[string]struct {
		takes  time.Duration
		status int
		want   string
	}{
		"after_the_objective":        {500*time.Millisecond + 1, 200, "1.0"},
		"at_the_objective":           {500 * time.Millisecond, 200, "0.0"},
		"an_error_of_the_server":     {time.Second, 503, "0.0"},
		"an_error_of_the_client":     {time.Second, 404, "1.0"},
		"a_client_that_disconnected": {time.Second, 499, "0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := telemetrytest.Start(t)
				serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), func(r chi.Router) {
					r.Get("/", func(w http.ResponseWriter, _ *http.Request) {
						<-time.After(tc.takes)
						w.WriteHeader(tc.status)
					})
					rec.ExpectRoutes(r, func(*http.Request) bool { return false }, nil)
				})
				if got := sample(t, rec.Metrics(), "http_requests_late_total", `path="/"`); !strings.Contains(got, "} "+tc.want) {
					t.Errorf("got %q, want %s", got, tc.want)
				}
			})
		})
	}
}

// Without these series the first burst of errors after a start would be no increase.
func TestExpectRoutes(t *testing.T) {
	rec := telemetrytest.Start(t)
	router := chi.NewRouter()
	router.Get("/health", ok)
	router.Route("/api", func(r chi.Router) { r.Post("/drifts/{id}", ok) })
	quiet := func(r *http.Request) bool { return r.URL.Path == "/health" }
	rec.ExpectRoutes(router, quiet, map[string]int{"INTERNAL_SERVER_ERROR": 500, "NOT_FOUND": 404, "CLIENT_CLOSED_REQUEST": 499})
	metrics := rec.Metrics()
	for _, series := range []string{
		`errors_total{code="INTERNAL_SERVER_ERROR",path="/api/drifts/{id}"} 0.0`,
		`errors_total{code="NOT_FOUND",path="/api/drifts/{id}"} 0.0`,
		`errors_total{code="NOT_FOUND",path="unmatched"} 0.0`,
		`http_requests_total{method="POST",path="/api/drifts/{id}",status="500"} 0.0`,
		`http_requests_late_total{path="/api/drifts/{id}"} 0.0`,
	} {
		if !strings.Contains(metrics, series) {
			t.Errorf("there is no %s in\n%s", series, metrics)
		}
	}
	for _, unwanted := range []string{"/health", "CLIENT_CLOSED_REQUEST", `status="404"`, `status="499"`} {
		if strings.Contains(metrics, unwanted) {
			t.Errorf("%s is in\n%s", unwanted, metrics)
		}
	}
}

func TestHTTP_ResponseWriter(t *testing.T) {
	t.Run("informational_status_is_not_the_responses", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		}))
		if got := rec.Log("request")["status"]; got != 201.0 {
			t.Errorf("status is %v", got)
		}
	})

	t.Run("can_be_hijacked", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		router := chi.NewRouter()
		router.Use(rec.HTTP(telemetry.HTTPOptions{}))
		router.Get("/", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
			_ = conn.Close()
		})
		server := httptest.NewServer(router)
		defer server.Close()
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); string(body) != "hi" {
			t.Errorf("got %q", body)
		}
	})
}

func TestHTTP_slowBody(t *testing.T) {
	rec := telemetrytest.Start(t)
	server := httptest.NewServer(rec.HTTP(telemetry.HTTPOptions{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("the body was read to its end")
		}
		w.WriteHeader(http.StatusGatewayTimeout)
	})))
	defer server.Close()
	body, end := io.Pipe()
	defer end.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("a client that is slow, and still there, got %d", resp.StatusCode)
	}
}
