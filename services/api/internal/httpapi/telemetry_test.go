package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// TestTelemetry: what a page measured becomes spans of the console with the page's IDs, at the times of this clock, and the freshness of
// what it shows. Mutations: PassOn without WithIDs; the resource of api; a receive that begins at its end; Record left out; every reception timely; the line without its trace.
func TestTelemetry(t *testing.T) {
	api := apitest.Start(t)
	const traceID, act, request, receive, publish = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b7ad6b7169203331", "53995c3f42cd8ad8", "a1b2c3d4e5f60718"
	begun := time.Now()
	happened := begun.Add(-2 * time.Second).UTC().Truncate(time.Millisecond)
	api.Viewer.Post("/api/v1/telemetry", map[string]any{"spans": []any{
		map[string]any{"traceId": traceID, "spanId": act, "type": "act", "name": "approve", "ago": 1000, "duration": 250.5},
		map[string]any{"traceId": traceID, "spanId": request, "parentId": act, "type": "request", "name": "POST /drifts/{id}/approve", "status": 409, "ago": 1100, "duration": 100},
		map[string]any{"traceId": traceID, "spanId": receive, "parentId": publish, "type": "receive", "events": 3, "happenedAt": happened, "ago": 500},
		map[string]any{"traceId": traceID, "spanId": "0000000000000001", "type": "navigate", "name": "/drifts/{id}", "ago": 0, "duration": 16},
		map[string]any{"traceId": traceID, "spanId": "0000000000000002", "type": "vital", "name": "lcp", "ago": 700, "duration": 300},
		map[string]any{"traceId": traceID, "spanId": "0000000000000004", "type": "error", "name": "TypeError", "ago": 0,
			"message": "x is undefined, password=hunter2-in-a-page", "stack": []string{"main-VUM3KC4I.js:1:20481", "rest-MOIP67IP.js:2:7"}},
	}}).Want(200)

	answered := time.Now()
	span := func(name, id, parent string, kind trace.SpanKind, ago time.Duration) map[attribute.Key]string {
		t.Helper()
		s := api.Telemetry.Span(name)
		if s.SpanContext.TraceID().String() != traceID || s.SpanContext.SpanID().String() != id || s.SpanKind != kind {
			t.Errorf("%s: %v, %v", name, s.SpanContext, s.SpanKind)
		}
		if got := s.Parent.SpanID().String(); got != parent {
			t.Errorf("%s: its parent is %s", name, got)
		}
		if service, _ := s.Resource.Set().Value("service.name"); service.AsString() != "driftsentry-console" {
			t.Errorf("%s is of %s", name, service.AsString())
		}
		if s.EndTime.Before(begun.Add(-ago)) || s.EndTime.After(answered.Add(-ago)) {
			t.Errorf("%s ended %s after the report was sent", name, s.EndTime.Sub(begun))
		}
		all := map[attribute.Key]string{"takes": s.EndTime.Sub(s.StartTime).String(), "begins": s.StartTime.Format(time.RFC3339Nano), "status": s.Status.Code.String()}
		for _, a := range s.Attributes {
			all[a.Key] = a.Value.String()
		}
		if all["user.id"] == "" || all["driftsentry.account.id"] == "" {
			t.Errorf("%s does not tell whose it is: %v", name, all)
		}
		return all
	}
	const none = "0000000000000000"
	if got := span("act approve", act, none, trace.SpanKindInternal, time.Second); got["takes"] != "250.5ms" || got["driftsentry.console.action"] != "approve" {
		t.Errorf("%v", got)
	}
	if got := span("POST /api/v1/drifts/{id}/approve", request, act, trace.SpanKindClient, 1100*time.Millisecond); got["status"] != "Error" || got["http.response.status_code"] != "409" || got["url.template"] != "/api/v1/drifts/{id}/approve" {
		t.Errorf("%v", got)
	}
	if got := span("receive events", receive, publish, trace.SpanKindConsumer, 500*time.Millisecond); got["messaging.batch.message_count"] != "3" || got["begins"] != happened.Format(time.RFC3339Nano) {
		t.Errorf("%v", got)
	}
	if got := span("navigate /drifts/{id}", "0000000000000001", none, trace.SpanKindInternal, 0); got["driftsentry.console.screen"] != "/drifts/{id}" {
		t.Errorf("%v", got)
	}
	if got := span("vital lcp", "0000000000000002", none, trace.SpanKindInternal, 700*time.Millisecond); got["takes"] != "300ms" {
		t.Errorf("%v", got)
	}
	if got := span("uncaught error", "0000000000000004", none, trace.SpanKindInternal, 0); got["status"] != "Error" || got["exception.type"] != "TypeError" {
		t.Errorf("%v", got)
	}
	line := api.Telemetry.Log("error in the console")
	if line["error.type"] != "TypeError" || line["trace_id"] != traceID || !strings.Contains(fmt.Sprint(line["error.stack"]), "main-VUM3KC4I.js:1:20481") {
		t.Errorf("the log has %v", line)
	}
	if strings.Contains(api.Telemetry.Output(), "hunter2-in-a-page") {
		t.Error("a secret of the page is in the log")
	}
	api.Viewer.Post("/api/v1/telemetry", map[string]any{"spans": []any{
		map[string]any{"traceId": traceID, "spanId": "0000000000000003", "type": "receive", "parentId": publish, "events": 1, "happenedAt": begun.Add(-4 * time.Second).UTC(), "ago": 0},
	}}).Want(200)
	metrics := api.Telemetry.Metrics()
	for _, want := range []string{
		"driftsentry_console_freshness_seconds_count 2", `driftsentry_console_freshness_seconds_bucket{le="1.0"} 0`,
		`driftsentry_console_receptions_total{outcome="timely"} 1`, `driftsentry_console_receptions_total{outcome="late"} 1`,
		`driftsentry_console_vitals_seconds_count{vital="lcp"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
}

// TestAttackTelemetry: a page can only tell what is known, in a few words, as often as a page does. Nothing of a report with one wrong
// span is taken. Mutations: any check of read left out; Names without the routes; the limit of reports; DecodeUpTo with MaxBody.
func TestAttackTelemetry(t *testing.T) {
	api := apitest.Start(t, "RATE_LIMIT_ENABLED=true")
	good := func() map[string]any {
		return map[string]any{"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "type": "act", "name": "approve", "ago": 0}
	}
	for _, wrong := range []struct {
		field  string
		fields map[string]any
	}{
		{"traceId", map[string]any{"traceId": strings.Repeat("0", 32)}},
		{"traceId", map[string]any{"traceId": strings.Repeat("A", 32)}},
		{"spanId", map[string]any{"spanId": "00f067aa0ba902b"}},
		{"parentId", map[string]any{"parentId": "x0f067aa0ba902b7"}},
		{"ago", map[string]any{"ago": -1}},
		{"duration", map[string]any{"duration": 600_001}},
		{"type", map[string]any{"type": "crash"}},
		{"name", map[string]any{"type": "vital", "name": "cls"}},
		{"name", map[string]any{"type": "error", "name": "Not a type"}},
		{"message", map[string]any{"type": "error", "name": "TypeError", "message": strings.Repeat("x", 501)}},
		{"stack", map[string]any{"type": "error", "name": "TypeError", "stack": []string{"https://evil.example/x.js:1:1"}}},
		{"stack", map[string]any{"type": "error", "name": "TypeError", "stack": slices.Repeat([]string{"main.js:1:1"}, 21)}},
		{"message", map[string]any{"message": "about an action"}},
		{"name", map[string]any{"name": "delete everything"}},
		{"name", map[string]any{"type": "navigate", "name": "/drifts/0199"}},
		{"name", map[string]any{"type": "request", "name": "GET /drifts/0199"}},
		{"status", map[string]any{"type": "request", "name": "GET /drifts", "status": 600}},
		{"name", map[string]any{"type": "receive", "name": "mine", "events": 1, "happenedAt": time.Now()}},
		{"events", map[string]any{"type": "receive", "name": "", "events": 0, "happenedAt": time.Now()}},
		{"happenedAt", map[string]any{"type": "receive", "name": "", "events": 1, "happenedAt": time.Now().Add(-11 * time.Minute)}},
		{"happenedAt", map[string]any{"type": "receive", "name": "", "events": 1, "happenedAt": time.Now().Add(time.Minute)}},
	} {
		second := good()
		maps.Copy(second, wrong.fields)
		got := api.Viewer.Wrong().Post("/api/v1/telemetry", map[string]any{"spans": []any{good(), second}})
		if got.Status != http.StatusBadRequest || len(got.Error.Details.Errors) != 1 || got.Error.Details.Errors[0].Field != "spans[1]."+wrong.field {
			t.Errorf("%v: %d %s", wrong.fields, got.Status, got.Body)
		}
	}
	many := make([]any, 101)
	for i := range many {
		many[i] = good()
	}
	for _, spans := range [][]any{{}, many} {
		api.Viewer.Wrong().Post("/api/v1/telemetry", map[string]any{"spans": spans}).Want(http.StatusBadRequest)
	}
	api.Viewer.Wrong().Post("/api/v1/telemetry", map[string]any{"spans": []any{good()}, "x": strings.Repeat("x", 64<<10)}).Want(http.StatusRequestEntityTooLarge)
	api.Key.Post("/api/v1/telemetry", map[string]any{"spans": []any{good()}}).Want(http.StatusForbidden)
	for _, s := range api.Telemetry.Spans() {
		if s.Name == "act approve" {
			t.Fatal("a span of a report that was refused was taken")
		}
	}
	// One more may be sent each second, however slow this is.
	for i := range 1000 {
		got := api.Engineer.Post("/api/v1/telemetry", map[string]any{"spans": []any{good()}})
		if got.Status == http.StatusTooManyRequests && i >= 60 {
			return
		}
		got.Want(200)
	}
	t.Error("1,000 reports of a user were taken")
}
