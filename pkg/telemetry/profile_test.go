package telemetry_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/pprof/profile"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/pyroscopetest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// burn uses the processor, of which a profile takes a hundred samples a second.
func burn(t *testing.T, long time.Duration) {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano())
	}
	var sum [sha256.Size]byte
	for start := used(); used()-start < long; {
		for range 1000 {
			sum = sha256.Sum256(sum[:])
		}
	}
}

// burning is a service whose requests use the processor.
func burning(t *testing.T, tel *telemetrytest.Recorder) http.Handler {
	t.Helper()
	r := chi.NewRouter()
	r.Use(tel.HTTP(telemetry.HTTPOptions{Quiet: func(r *http.Request) bool { return r.URL.Path == "/health" }}))
	for _, pattern := range []string{"/health", "/things/{id}"} {
		r.Get(pattern, func(http.ResponseWriter, *http.Request) { burn(t, 200*time.Millisecond) })
	}
	r.Route("/api", func(r chi.Router) {
		r.Post("/things/{id}", func(w http.ResponseWriter, _ *http.Request) {
			// A goroutine of the request is part of it.
			done := make(chan struct{})
			go func() { burn(t, 200*time.Millisecond); close(done) }()
			<-done
			w.WriteHeader(http.StatusCreated)
		})
	})
	return r
}

func send(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

// A Pyroscope gets profiles whose samples lead to routes and spans, and a span says that it has a profile.
func TestProfiles_pushed(t *testing.T) {
	pyroscope := pyroscopetest.Start(t)
	tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL = pyroscope.URL() })
	service := burning(t, tel)
	send(t, service, "GET", "/things/7")
	send(t, service, "POST", "/api/things/7")
	send(t, service, "GET", "/health")
	tel.Profiled(t.Context(), "process", func() { burn(t, 200*time.Millisecond) })
	burn(t, 200*time.Millisecond)
	runtime.GC() // The heap's profile is of the last collection.
	emitted := map[string]tracetest.SpanStub{}
	for _, span := range tel.Spans() {
		emitted[span.Name] = span
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	pushes := pyroscope.Pushes()
	kinds := map[string]bool{}
	for _, push := range pushes {
		for _, kind := range push.SampleType {
			kinds[kind.Type] = true
		}
		if !strings.HasPrefix(push.Name, "test{") || !strings.Contains(push.Name, "service_version=1.2.3") || !strings.Contains(push.Name, "service_instance_id=test-1") || push.User != "pusher" {
			t.Errorf("%s by %q", push.Name, push.User)
		}
	}
	if !kinds["cpu"] || !kinds["inuse_space"] {
		t.Errorf("kinds of profiles: %v", kinds)
	}
	names := pyroscopetest.Labels(pushes, "span_name")
	for _, name := range []string{"GET /things/{id}", "POST /api/things/{id}", "process", ""} {
		if names[name] < int64(50*time.Millisecond) {
			t.Errorf("%q has %v of 200 ms, of %v", name, time.Duration(names[name]), names)
		}
	}
	for name := range names {
		if strings.Contains(name, "health") {
			t.Errorf("a probe has the label %q", name)
		}
	}
	spans := pyroscopetest.Labels(pushes, "span_id")
	for _, name := range []string{"GET /things/{id}", "POST /api/things/{id}"} {
		span := emitted[name]
		id := span.SpanContext.SpanID().String()
		if spans[id] == 0 || attr(span, "pyroscope.profile.id") != id {
			t.Errorf("%s: %v of span %s, of %v; it says %v", name, time.Duration(spans[id]), id, spans, attr(span, "pyroscope.profile.id"))
		}
	}
	// Older servers make a series of each value.
	if traces := pyroscopetest.Labels(pushes, "trace_id"); len(traces) != 1 || traces[""] == 0 {
		t.Errorf("trace IDs: %v", traces)
	}
}

// A profile that is taken by hand has routes and traces, also while profiles are sent.
func TestProfiles_by_hand(t *testing.T) {
	for name, tc := range map[string]struct{ url, label string }{
		"alone":              {"", "trace_id"},
		"beside_a_pyroscope": {pyroscopetest.Start(t).URL(), "span_id"},
	} {
		t.Run(name, func(t *testing.T) {
			tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL = tc.url })
			service, debug := burning(t, tel), tel.DebugHandler()
			taken := make(chan string)
			go func() {
				status, body := askDebug(t, debug, "GET", "/debug/pprof/profile?seconds=1", "")
				if status != http.StatusOK {
					t.Errorf("%d %s", status, body)
				}
				taken <- body
			}()
			var body string
			for body == "" {
				send(t, service, "GET", "/things/7")
				select {
				case body = <-taken:
				default:
				}
			}
			parsed, err := profile.ParseData([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			pushes := []pyroscopetest.Push{{Profile: parsed}}
			if names := pyroscopetest.Labels(pushes, "span_name"); names["GET /things/{id}"] < int64(50*time.Millisecond) {
				t.Errorf("names: %v", names)
			}
			known := map[string]bool{"": true}
			for _, span := range tel.Spans() {
				known[span.SpanContext.TraceID().String()], known[span.SpanContext.SpanID().String()] = true, true
			}
			ids := pyroscopetest.Labels(pushes, tc.label)
			for id := range ids {
				if !known[id] {
					t.Errorf("%s is the %s of no request", id, tc.label)
				}
			}
			delete(ids, "")
			if len(ids) == 0 {
				t.Errorf("no sample has a %s", tc.label)
			}
			// Once none is taken, requests have no labels.
			if tc.url == "" {
				r := chi.NewRouter()
				r.Use(tel.HTTP(telemetry.HTTPOptions{}))
				r.Get("/", func(w http.ResponseWriter, _ *http.Request) { _ = pprof.Lookup("goroutine").WriteTo(w, 1) })
				if w := send(t, r, "GET", "/"); strings.Contains(w.Body.String(), "span_name") {
					t.Errorf("labels without a profile:\n%s", w.Body)
				}
			}
		})
	}
}

// A Pyroscope that is away, refuses or hangs hurts nothing, is logged without its password, and leaves no goroutine.
func TestProfiles_faults(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*pyroscopetest.Receiver) string
		want    string
	}{
		"away":    {func(*pyroscopetest.Receiver) string { return "http://pusher:hunter2@127.0.0.1:1" }, "connection refused"},
		"refuses": {func(r *pyroscopetest.Receiver) string { r.Refuse(503); return r.URL() }, "responded with the status 503"},
		"hangs":   {func(r *pyroscopetest.Receiver) string { r.Hang(); return r.URL() }, "some telemetry was not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := pyroscopetest.Start(t)
			before := goleak.IgnoreCurrent()
			tel := telemetrytest.Start(t, func(c *telemetry.Config) {
				c.PyroscopeURL, c.ShutdownTimeout = tc.prepare(receiver), time.Second
			})
			if w := send(t, burning(t, tel), "GET", "/things/7"); w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := errors.Join(tel.Shutdown(ctx), ctx.Err()); err != nil {
				t.Fatal(err)
			}
			output := tel.Output()
			if !strings.Contains(output, tc.want) {
				t.Errorf("no line says %q:\n%s", tc.want, output)
			}
			for _, secret := range []string{"hunter2", "hunter3", "pusher"} {
				if strings.Contains(output, secret) {
					t.Errorf("%s is in a line:\n%s", secret, output)
				}
			}
			if name != "hangs" && strings.HasSuffix(sample(t, tel.Metrics(), "telemetry_export_errors_total"), " 0.0") {
				t.Error("the failure was not counted")
			}
			if err := goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*conn).serve")); err != nil { // of the receiver
				t.Error(err)
			}
		})
	}
}

// TestProfiles_no_redirect: profiles, and the password, are for the server of PYROSCOPE_URL; one that sends them elsewhere does not get them
// there. Mutation: without CheckRedirect.
func TestProfiles_no_redirect(t *testing.T) {
	elsewhere := pyroscopetest.Start(t)
	to, err := url.Parse(elsewhere.URL())
	if err != nil {
		t.Fatal(err)
	}
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to.JoinPath(r.URL.Path).String()+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}))
	defer redirecting.Close()
	tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL = redirecting.URL })
	send(t, burning(t, tel), "GET", "/things/7")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pushes := elsewhere.Pushes(); len(pushes) > 0 {
		t.Errorf("%d profiles went elsewhere", len(pushes))
	}
	if output := tel.Output(); !strings.Contains(output, "responded with the status 307") {
		t.Errorf("no line says it:\n%s", output)
	}
}

// Without a Pyroscope, and with an address that is none, nothing is sent and no span says so.
func TestProfiles_off(t *testing.T) {
	for name, tc := range map[string]struct {
		url      string
		disabled bool
		warns    bool
	}{
		"without_an_address":   {"", false, false},
		"without_a_scheme":     {"pyroscope:4040", false, true},
		"with_all_signals_off": {pyroscopetest.Start(t).URL(), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL, c.Disabled = tc.url, tc.disabled })
			send(t, burning(t, tel), "GET", "/things/7")
			if !tc.disabled && attr(tel.Span("GET /things/{id}"), "pyroscope.profile.id") != "" {
				t.Errorf("the span: %v", tel.Span("GET /things/{id}").Attributes)
			}
			if warns := strings.Contains(tel.Output(), `"warning":"PYROSCOPE_URL is not an address`); warns != tc.warns {
				t.Errorf("warns: %t\n%s", warns, tel.Output())
			}
		})
	}
}
