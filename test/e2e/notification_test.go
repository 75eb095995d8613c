package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestNotification: a real plan, sent to the running pair, is one message in Slack, by the rights that the service's role has, and the
// delivery is a span with a link. After SIGTERM the queue ends in time. Mutations: River's sequence without its grant to
// driftsentry_api; Run that does not wait for River.
func TestNotification(t *testing.T) {
	messages := make(chan string, 10)
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		messages <- string(body)
	}))
	defer slack.Close()
	p := startPair(t, pgtest.DSN(t), "OUTGOING_NETWORKS=127.0.0.0/8", "PUBLIC_URL=https://drift.example.com")
	made := p.signIn("admin").post(t.Context(), "/api/v1/channels", map[string]any{"name": "network team", "kind": "slack", "url": slack.URL})
	if made.status != http.StatusCreated {
		t.Fatalf("%d %s", made.status, made.body)
	}
	ci := newTraceparent()
	if sent := p.client(p.apiKey).ingest(t.Context(), "production", "refresh_only_tf1.11.4.json", "traceparent", ci.String()); sent.status != http.StatusOK {
		t.Fatalf("%d %s", sent.status, sent.body)
	}
	select {
	case got := <-messages:
		if !strings.Contains(got, "*production* · drifts: 4 new") || strings.Count(got, "https://drift.example.com/drifts/") != 4 {
			t.Errorf("the message is %s", got)
		}
	case <-time.After(patience):
		t.Fatal("no message")
	}
	p.waitSpans("the delivery's link to the upload", func(s *otlpsink.Store) bool {
		return slices.ContainsFunc(s.Spans(), func(span otlpsink.Span) bool {
			return span.Name == "deliver notification" && slices.ContainsFunc(span.Links, func(l otlpsink.Link) bool { return l.TraceID == ci.traceID })
		})
	})
	if code := p.api.stop(t); code != 0 {
		t.Errorf("api ended with %d", code)
	}
	if len(messages) != 0 {
		t.Errorf("there is another message: %s", <-messages)
	}
}
