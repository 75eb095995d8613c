package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// sentryFixture is a recorder that reports to a Sentry of its own.
type sentryFixture struct {
	*sentrytest.Receiver
	t   *testing.T
	rec *telemetrytest.Recorder
}

func startSentry(t *testing.T, options ...func(*telemetry.Config)) sentryFixture {
	t.Helper()
	receiver := sentrytest.Start(t)
	rec := telemetrytest.Start(t, append([]func(*telemetry.Config){func(c *telemetry.Config) { c.Sentry.DSN = receiver.DSN() }}, options...)...)
	return sentryFixture{receiver, t, rec}
}

// events are all the events so far.
func (s sentryFixture) events() []sentrytest.Event {
	s.t.Helper()
	if err := s.rec.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return s.Events()
}

// event is the only event so far.
func (s sentryFixture) event() sentrytest.Event {
	s.t.Helper()
	events := s.events()
	if len(events) != 1 {
		s.t.Fatalf("%d events, want 1: %v", len(events), events)
	}
	return events[0]
}

func TestSentry_Request(t *testing.T) {
	s := startSentry(t, func(c *telemetry.Config) { c.Environment = "staging" })
	r := httptest.NewRequest("GET", "/things/7?q=private", strings.NewReader("private body"))
	r.Header.Set("Cookie", "session=private")
	r.Header.Set("X-Other", "private")
	w := serve(s.rec, telemetry.HTTPOptions{}, r, get("/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetUser(r.Context(), "u-1", "a-1", "admin")
		for i := range 40 {
			s.rec.Logger().With("module", "m").WithGroup("g").InfoContext(r.Context(), "step", "n", i, "password", "private")
		}
		err := fmt.Errorf("read thing: %w", telemetry.WithStack(errors.New("dial postgres://app:private@db/x: refused")))
		telemetry.SetError(r.Context(), "INTERNAL_SERVER_ERROR", err, true)
		w.WriteHeader(http.StatusInternalServerError)
	}))

	e := s.event()
	span := s.rec.Span("GET /things/{id}")
	if e.TraceID() != w.Header().Get("X-Correlation-ID") || e.Contexts["trace"]["span_id"] != span.SpanContext.SpanID().String() {
		t.Errorf("trace %v, want that of span %v", e.Contexts["trace"], span.SpanContext)
	}
	if e.Release != "1.2.3" || e.Environment != "staging" || e.Transaction != "GET /things/{id}" || e.Level != "error" {
		t.Errorf("event: %+v", e)
	}
	if diff := cmp.Diff(map[string]any{"id": "u-1"}, e.User); diff != "" {
		t.Errorf("user: %s", diff)
	}
	wantTags := map[string]string{
		"service": "test", "http.request.method": "GET", "http.route": "/things/{id}",
		"http.response.status_code": "500", "error.code": "INTERNAL_SERVER_ERROR",
	}
	if diff := cmp.Diff(wantTags, e.Tags); diff != "" {
		t.Errorf("tags: %s", diff)
	}
	if len(e.Breadcrumbs) != 30 {
		t.Fatalf("%d breadcrumbs, want the last 30", len(e.Breadcrumbs))
	}
	last := e.Breadcrumbs[29]
	wantData := map[string]any{"module": "m", "g.n": 39.0, "g.password": "[redacted]", "userId": "u-1", "accountId": "a-1", "role": "admin"}
	if diff := cmp.Diff(wantData, last["data"]); diff != "" || last["message"] != "step" {
		t.Errorf("last breadcrumb %v: %s", last, diff)
	}
	exception := e.Exception[0]
	frames := exception.Stacktrace.Frames
	if exception.Type != "*errors.errorString" || len(frames) == 0 || frames[len(frames)-1]["function"] != "TestSentry_Request.func2" {
		t.Errorf("exception: %+v", exception)
	}
	if !bytes.Contains(e.Raw, []byte(`"handled":true`)) {
		t.Errorf("an error was taken for a panic: %s", e.Raw)
	}
	if want := "github.com/driftsentry/driftsentry/pkg/telemetry_test.TestSentry_Request.func2"; len(e.Fingerprint) != 2 || e.Fingerprint[0] != exception.Type || e.Fingerprint[1] != want {
		t.Errorf("fingerprint is %v, want the kind and %s", e.Fingerprint, want)
	}
	if e.Request != nil || bytes.Contains(s.Bytes(), []byte("private")) {
		t.Errorf("something private was sent:\n%s", s.Bytes())
	}
	if sample(t, s.rec.Metrics(), "telemetry_sentry_events_total", `outcome="sent"`) == "" {
		t.Errorf("the event was not counted:\n%s", s.rec.Metrics())
	}
}

func TestSentry_Panic(t *testing.T) {
	s := startSentry(t)
	serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) {
		none := strings.Fields("")
		_ = none[0]
	}))
	e := s.event()
	if !strings.Contains(e.Exception[0].Value, "out of range") || !bytes.Contains(e.Raw, []byte(`"handled":false`)) {
		t.Errorf("event: %s", e.Raw)
	}
	if !strings.Contains(e.Fingerprint[1], "TestSentry_Panic") {
		t.Errorf("fingerprint is %v", e.Fingerprint)
	}
}

func TestSentry_OnlyTheUnexpected(t *testing.T) {
	s := startSentry(t)
	serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetError(r.Context(), "NOT_FOUND", errors.New("no such thing"), false)
		w.WriteHeader(http.StatusNotFound)
	}))
	ctx, leave := context.WithCancel(t.Context())
	serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil).WithContext(ctx), get("/", func(w http.ResponseWriter, r *http.Request) {
		leave()
		telemetry.SetError(r.Context(), "INTERNAL_SERVER_ERROR", fmt.Errorf("query: %w", r.Context().Err()), true)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	if events := s.events(); len(events) > 0 {
		t.Errorf("events: %v", events)
	}
}

func TestTelemetry_Report(t *testing.T) {
	t.Run("the_same_error_once", func(t *testing.T) {
		s := startSentry(t)
		ctx, span := s.rec.Tracer().Start(t.Context(), "work")
		err := telemetry.WithStack(errors.New("boom"))
		s.rec.Report(ctx, err, slog.String("job", "sweep"))
		s.rec.Report(ctx, fmt.Errorf("again: %w", err))
		span.End()
		e := s.event()
		if e.TraceID() != span.SpanContext().TraceID().String() || e.Tags["job"] != "sweep" {
			t.Errorf("event: %+v", e)
		}
		line := s.rec.Log("unexpected error")
		if line["error.message"] != "boom" || line["job"] != "sweep" || line["trace_id"] != e.TraceID() {
			t.Errorf("line: %v", line)
		}
		if events := s.rec.Span("work").Events; len(events) != 1 || events[0].Name != "exception" {
			t.Errorf("span events: %v", events)
		}
	})

	t.Run("and_not_again_with_the_request", func(t *testing.T) {
		s := startSentry(t)
		serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(_ http.ResponseWriter, r *http.Request) {
			err := telemetry.WithStack(errors.New("boom"))
			s.rec.Report(r.Context(), err)
			telemetry.SetError(r.Context(), "BROKEN", fmt.Errorf("handle: %w", err), true)
		}))
		s.event()
	})

	t.Run("no_more_than_the_limit", func(t *testing.T) {
		s := startSentry(t, func(c *telemetry.Config) { c.Sentry.MaxEventsPerMinute = 3 })
		for i := range 10 {
			s.rec.Report(t.Context(), fmt.Errorf("boom %d", i))
		}
		if events := s.events(); len(events) != 3 {
			t.Errorf("%d events, want 3", len(events))
		}
		if got := sample(t, s.rec.Metrics(), "telemetry_sentry_events_total", `outcome="limited"`); !strings.HasSuffix(got, " 7.0") {
			t.Errorf("limited: %q, want 7", got)
		}
		if got := strings.Count(s.rec.Output(), "unexpected error"); got != 10 {
			t.Errorf("%d lines, want 10", got)
		}
	})

	t.Run("nil_is_nothing", func(t *testing.T) {
		rec := telemetrytest.Start(t)
		rec.Report(t.Context(), nil)
		if out := rec.Output(); out != "" {
			t.Errorf("wrote %s", out)
		}
	})
}

// TestTelemetry_ReportPage: an error of a page is one event, in its trace, with its secrets masked, in one group whatever the files are
// called; and pages that report without end leave room for this service's own errors. Mutations: no limit of pages; the message as it came;
// a fingerprint with the file's hash; CapturePage without its context.
func TestTelemetry_ReportPage(t *testing.T) {
	page := func(stack string) telemetry.PageError {
		return telemetry.PageError{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Type: "TypeError", Message: "x is undefined: password=hunter2-in-a-page", UserID: "someone",
			Stack: []string{stack, "rest-MOIP67IP.js:2:7"},
		}
	}
	t.Run("one_event", func(t *testing.T) {
		s := startSentry(t)
		s.rec.ReportPage(page("main-VUM3KC4I.js:1:20481"))
		e := s.event()
		if e.TraceID() != (trace.TraceID{1}).String() || e.Tags["service"] != "driftsentry-console" || e.User["id"] != "someone" {
			t.Errorf("event: %+v", e)
		}
		if raw := string(e.Raw); strings.Contains(raw, "hunter2-in-a-page") {
			t.Errorf("a secret: %s", raw)
		}
		if want := []string{"page", "TypeError", "main.js"}; !slices.Equal(e.Fingerprint[:3], want) {
			t.Errorf("fingerprint %q, want %q", e.Fingerprint, want)
		}
	})
	t.Run("pages_have_a_limit_of_their_own", func(t *testing.T) {
		s := startSentry(t)
		for range 100 {
			s.rec.ReportPage(page("main.js:1:1"))
		}
		s.rec.Report(t.Context(), errors.New("boom"))
		events := s.events()
		if n := len(events); n != 11 || events[n-1].Tags["service"] == "driftsentry-console" {
			t.Errorf("%d events", n)
		}
	})
}

func TestRecoverTo(t *testing.T) {
	s := startSentry(t)
	cause := errors.New("cause")
	recovered := func() (err error) {
		defer telemetry.RecoverTo(&err)
		panic(cause)
	}
	err := recovered()
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want it to wrap the panic's value", err)
	}
	s.rec.Report(t.Context(), err)
	if events := s.events(); len(events) != 1 {
		t.Errorf("RecoverTo reported by itself: %d events", len(events))
	} else if e := events[0]; e.Exception[0].Value != "panic: cause" || !strings.Contains(e.Fingerprint[1], "TestRecoverTo") {
		t.Errorf("event: %+v", e)
	}
}

func TestSentry_Hangs(t *testing.T) {
	receiver := sentrytest.Start(t)
	receiver.Hang()
	defer receiver.Resume()
	before := goleak.IgnoreCurrent()
	var out lockedBuffer
	tel, err := telemetry.Start(t.Context(), telemetry.Config{
		ServiceName: "test", Log: telemetry.LogConfig{Output: &out}, ShutdownTimeout: 100 * time.Millisecond,
		Sentry: telemetry.SentryConfig{DSN: receiver.DSN()},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(tel.HTTP(telemetry.HTTPOptions{}))
	router.Get("/", func(http.ResponseWriter, *http.Request) { panic("boom") })
	for range 200 {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 500 {
			t.Fatalf("response %d", w.Code)
		}
	}
	if err := tel.Shutdown(t.Context()); err != nil || !strings.Contains(out.String(), "flush Sentry") {
		t.Errorf("Shutdown: %v, want a line that events were left", err)
	}
	receiver.Resume()
	goleak.VerifyNone(t, before)
}
