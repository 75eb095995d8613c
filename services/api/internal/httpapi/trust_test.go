package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent  = "00-" + callersTrace + "-00f067aa0ba902b7-01"
)

// TestTrust: the trace of a known caller is continued, and a stranger's is not.
func TestTrust(t *testing.T) {
	api := apitest.Start(t)
	server := func(name string) tracetest.SpanStub {
		t.Helper()
		return api.Telemetry.Span(name)
	}

	t.Run("a user continues its trace", func(t *testing.T) {
		api.Telemetry.Reset()
		if got := api.Viewer.Get("/api/v1/drifts", "traceparent", traceparent).Correlation(); got != callersTrace {
			t.Errorf("X-Correlation-ID = %s", got)
		}
		span := server("GET /api/v1/drifts")
		if span.Parent.SpanID().String() != "00f067aa0ba902b7" || !span.Parent.IsRemote() {
			t.Errorf("parent = %v", span.Parent)
		}
		want := []attribute.KeyValue{
			attribute.String("user.id", api.Viewer.User.ID.String()),
			attribute.String("driftsentry.account.id", api.Account.String()),
		}
		for _, kv := range want {
			if !slices.Contains(span.Attributes, kv) {
				t.Errorf("the span lacks %v", kv)
			}
		}
		line := api.Telemetry.Log("request")
		if line["trace_id"] != callersTrace || line["userId"] != api.Viewer.User.ID.String() || line["role"] != "viewer" || line["accountId"] != api.Account.String() {
			t.Errorf("access line: %v", line)
		}
		if strings.Contains(api.Telemetry.Output(), api.Viewer.Bearer) {
			t.Error("the token is in the log")
		}
	})
	t.Run("an API key continues its trace", func(t *testing.T) {
		if got := api.Key.Get("/api/v1/drifts", "traceparent", traceparent).Correlation(); got != callersTrace {
			t.Errorf("X-Correlation-ID = %s", got)
		}
	})
	t.Run("a user's own correlation ID becomes the trace ID", func(t *testing.T) {
		id := uuid.NewString()
		if got := api.Viewer.Get("/api/v1/drifts", "X-Correlation-ID", id).Correlation(); got != strings.ReplaceAll(id, "-", "") {
			t.Errorf("X-Correlation-ID = %s, want %s", got, id)
		}
	})
	for name, stranger := range map[string]*apitest.Client{
		"no credentials": api.Anonymous, "an expired token": api.Expired(api.Viewer), "a foreign token": api.With("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.AAAA"),
		"a key that we did not make": api.With("ds_" + strings.Repeat("B", 64)),
	} {
		t.Run(name+" gets a trace of its own, linked", func(t *testing.T) {
			api.Telemetry.Reset()
			if got := stranger.Get("/api/v1/drifts", "traceparent", traceparent).Want(401).Correlation(); got == callersTrace {
				t.Error("the stranger's trace was continued")
			}
			span := server("GET /api/v1/drifts")
			if span.Parent.IsValid() || len(span.Links) != 1 || span.Links[0].SpanContext.TraceID().String() != callersTrace {
				t.Errorf("parent %v, links %v", span.Parent, span.Links)
			}
		})
	}
	t.Run("a revoked session is refused without I/O", func(t *testing.T) {
		gone := api.NewUser("acme", "viewer")
		api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": gone.Refresh}).Want(200)
		if got := gone.Get("/api/v1/drifts", "traceparent", traceparent).Want(401).Correlation(); got != callersTrace {
			t.Errorf("X-Correlation-ID = %s", got)
		}
	})
}

// TestClientAddress: only trusted proxies are believed.
func TestClientAddress(t *testing.T) {
	address := func(api *apitest.API) string {
		api.Telemetry.Reset()
		api.Viewer.Get("/api/v1/drifts", "X-Forwarded-For", "198.51.100.7, 203.0.113.9")
		for _, kv := range api.Telemetry.Span("GET /api/v1/drifts").Attributes {
			if kv.Key == "client.address" {
				return kv.Value.AsString()
			}
		}
		return ""
	}
	if got := address(apitest.Start(t)); got != "127.0.0.1" {
		t.Errorf("without trusted proxies: %s", got)
	}
	if got := address(apitest.Start(t, "TRUSTED_PROXIES=127.0.0.0/8")); got != "203.0.113.9" {
		t.Errorf("behind a trusted proxy: %s", got)
	}
	if got := address(apitest.Start(t, "TRUSTED_PROXIES=127.0.0.0/8,203.0.113.0/24")); got != "198.51.100.7" {
		t.Errorf("behind two trusted proxies: %s", got)
	}
}
