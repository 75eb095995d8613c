package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

const (
	sentTrace  = "0af7651916cd43dd8448eb211c80319c"
	sentParent = "b7ad6b7169203331"
	sentUUID   = "6BA7B810-9DAD-41D1-80B4-00C04FD430C8"
	uuidTrace  = "6ba7b8109dad41d180b400c04fd430c8"
)

// ask sends a request with the headers, from a trusted caller or a stranger, and
// returns its response and its server span.
func ask(t *testing.T, trusted bool, headers map[string]string, options ...func(*telemetry.Config)) (*telemetrytest.Recorder, http.Header, tracetest.SpanStub) {
	t.Helper()
	rec := telemetrytest.Start(t, options...)
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := serve(rec, telemetry.HTTPOptions{Trusted: func(*http.Request) bool { return trusted }}, r,
		get("/", func(w http.ResponseWriter, r *http.Request) {
			if n := baggage.FromContext(r.Context()).Len(); n != 0 {
				t.Errorf("%d members of inbound baggage were kept", n)
			}
			ok(w, r)
		}))
	span := rec.Span("GET /")
	id := span.SpanContext.TraceID().String()
	if got := w.Header().Get("X-Correlation-ID"); got != id {
		t.Errorf("X-Correlation-ID is %q, the trace %q", got, id)
	}
	want := `traceparent;desc="00-` + id + "-" + span.SpanContext.SpanID().String() + `-01"`
	if got := w.Header().Get("Server-Timing"); got != want {
		t.Errorf("Server-Timing is %q, want %q", got, want)
	}
	return rec, w.Header(), span
}

func TestHTTP_Trust(t *testing.T) {
	traceparent := "00-" + sentTrace + "-" + sentParent + "-01"

	t.Run("trusted/traceparent_is_continued", func(t *testing.T) {
		_, _, span := ask(t, true, map[string]string{
			"traceparent": traceparent, "tracestate": "vendor=1", "baggage": "k=v", "X-Correlation-ID": "build-17",
		})
		if span.SpanContext.TraceID().String() != sentTrace || span.Parent.SpanID().String() != sentParent || !span.Parent.IsRemote() {
			t.Errorf("trace %s, parent %s", span.SpanContext.TraceID(), span.Parent.SpanID())
		}
		if got := span.SpanContext.TraceState().String(); got != "vendor=1" {
			t.Errorf("tracestate is %q", got)
		}
		if got := attr(span, "correlation_id"); got != "build-17" {
			t.Errorf("correlation_id is %q", got)
		}
		if len(span.Links) > 0 {
			t.Errorf("links: %v", span.Links)
		}
	})

	t.Run("trusted/traceparent_wins_over_correlation_ID", func(t *testing.T) {
		_, _, span := ask(t, true, map[string]string{"traceparent": traceparent, "X-Correlation-ID": sentUUID})
		if span.SpanContext.TraceID().String() != sentTrace || attr(span, "correlation_id") != sentUUID {
			t.Errorf("trace %s, attributes %v", span.SpanContext.TraceID(), span.Attributes)
		}
	})

	for name, sent := range map[string]struct{ id, trace string }{
		"UUID":            {sentUUID, uuidTrace},
		"32 hex digits":   {strings.ToUpper(sentTrace), sentTrace},
		"bad traceparent": {sentTrace, sentTrace},
	} {
		t.Run("trusted/correlation_ID_becomes_the_trace_ID/"+name, func(t *testing.T) {
			headers := map[string]string{"X-Correlation-ID": sent.id}
			if name == "bad traceparent" {
				headers["traceparent"] = "00-zz-zz-01"
			}
			_, _, span := ask(t, true, headers)
			if got := span.SpanContext.TraceID().String(); got != sent.trace {
				t.Errorf("trace ID is %s, want %s", got, sent.trace)
			}
			if span.Parent.IsValid() {
				t.Errorf("a parent was invented: %v", span.Parent)
			}
		})
	}

	for name, sent := range map[string]string{
		"text": "build 17/main", "zero": strings.Repeat("0", 32), "zero UUID": "00000000-0000-0000-0000-000000000000",
		"31 digits": sentTrace[1:], "misplaced dashes": "6ba7b81-09dad-41d1-80b4-00c04fd430c8",
	} {
		t.Run("trusted/other_correlation_ID_is_kept/"+name, func(t *testing.T) {
			rec, _, span := ask(t, true, map[string]string{"X-Correlation-ID": sent})
			if attr(span, "correlation_id") != sent || rec.Log("request")["correlation_id"] != sent {
				t.Errorf("span %q, line %v, want %q", attr(span, "correlation_id"), rec.Log("request"), sent)
			}
		})
	}

	for name, sent := range map[string]string{
		"too long": strings.Repeat("x", 129), "control character": "a\x07b", "not ASCII": "größe",
	} {
		t.Run("trusted/unprintable_correlation_ID_is_dropped/"+name, func(t *testing.T) {
			rec, _, span := ask(t, true, map[string]string{"X-Correlation-ID": sent})
			if attr(span, "correlation_id") != "" || rec.Log("request")["correlation_id"] != nil {
				t.Errorf("it was kept: %q", attr(span, "correlation_id"))
			}
		})
	}

	t.Run("stranger/traceparent_is_linked", func(t *testing.T) {
		_, _, span := ask(t, false, map[string]string{"traceparent": traceparent, "tracestate": "vendor=1", "baggage": "k=v"})
		if span.SpanContext.TraceID().String() == sentTrace || span.Parent.IsValid() {
			t.Errorf("the stranger's trace was continued: %v", span.SpanContext)
		}
		if got := span.SpanContext.TraceState().String(); got != "" {
			t.Errorf("tracestate is %q", got)
		}
		if len(span.Links) != 1 || span.Links[0].SpanContext.TraceID().String() != sentTrace {
			t.Errorf("links: %v", span.Links)
		}
	})

	t.Run("stranger/correlation_ID_is_an_attribute_only", func(t *testing.T) {
		rec, _, span := ask(t, false, map[string]string{"X-Correlation-ID": sentTrace})
		if span.SpanContext.TraceID().String() == sentTrace {
			t.Error("the stranger chose the trace ID")
		}
		if attr(span, "correlation_id") != sentTrace || rec.Log("request")["correlation_id"] != sentTrace {
			t.Errorf("it was not kept: %v", span.Attributes)
		}
	})

	t.Run("stranger/without_headers", func(t *testing.T) {
		_, _, span := ask(t, false, nil)
		if span.Parent.IsValid() || len(span.Links) > 0 {
			t.Errorf("parent %v, links %v", span.Parent, span.Links)
		}
	})

	t.Run("the_callers_flag_is_not_obeyed", func(t *testing.T) {
		// Not sampled by the caller, but we sample everything.
		ask(t, true, map[string]string{"traceparent": strings.TrimSuffix(traceparent, "01") + "00"})

		// Sampled by the caller, but we sample nothing.
		rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.SampleRatio = 0 })
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("traceparent", traceparent)
		w := serve(rec, telemetry.HTTPOptions{Trusted: func(*http.Request) bool { return true }}, r, get("/", ok))
		if got := w.Header().Get("X-Correlation-ID"); got != sentTrace {
			t.Errorf("trace ID is %q", got)
		}
		if spans := rec.Spans(); len(spans) > 0 {
			t.Errorf("spans were exported: %v", spans)
		}
	})

	t.Run("client_address_is_not_what_the_client_says", func(t *testing.T) {
		_, _, span := ask(t, true, map[string]string{"X-Forwarded-For": "8.8.8.8"})
		if got := attr(span, "client.address"); got != "192.0.2.1" {
			t.Errorf("client.address is %q", got)
		}
	})
}

func TestLocalParent(t *testing.T) {
	rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.SampleRatio = 0 })

	t.Run("its_flag_holds", func(t *testing.T) {
		stored := "00-" + sentTrace + "-" + sentParent + "-01"
		ctx := telemetry.LocalParent(t.Context(), stored)
		if got := telemetry.Traceparent(ctx); got != stored {
			t.Errorf("Traceparent is %q, want %q", got, stored)
		}
		_, span := rec.Tracer().Start(ctx, "process")
		span.End()
		if got := rec.Span("process"); got.Parent.SpanID().String() != sentParent || got.Parent.IsRemote() {
			t.Errorf("parent is %v", got.Parent)
		}

		rec.Reset()
		_, span = rec.Tracer().Start(telemetry.LocalParent(t.Context(), strings.TrimSuffix(stored, "1")+"0"), "process")
		span.End()
		if len(rec.Spans()) > 0 {
			t.Error("a child of an unsampled parent was exported")
		}
	})

	t.Run("malformed_changes_nothing", func(t *testing.T) {
		for _, bad := range []string{"", "x", "00-" + sentTrace + "-0000000000000000-01", "00-" + strings.Repeat("0", 32) + "-" + sentParent + "-01"} {
			if ctx := telemetry.LocalParent(t.Context(), bad); ctx != t.Context() {
				t.Errorf("%q changed the context", bad)
			}
		}
	})
}

func TestDisabled(t *testing.T) {
	rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.Disabled = true })
	w := serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	id := w.Header().Get("X-Correlation-ID")
	if len(id) != 32 {
		t.Errorf("X-Correlation-ID is %q", id)
	}
	if rec.Log("request")["trace_id"] != id {
		t.Errorf("the line has another trace: %v", rec.Log("request"))
	}
	if len(rec.Spans())+len(rec.Records()) > 0 {
		t.Errorf("something was exported: %v %v", rec.Spans(), rec.Records())
	}
	m := httptest.NewRecorder()
	rec.MetricsHandler().ServeHTTP(m, httptest.NewRequest("GET", "/metrics", nil))
	if m.Code != http.StatusNotFound {
		t.Errorf("GET /metrics: %d", m.Code)
	}
}
