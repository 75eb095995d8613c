package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestPostgresStopped: while Postgres is down nothing crashes and every caller gets a clear response; when it is back,
// all recovers without a restart and no socket misses an event.
func TestPostgresStopped(t *testing.T) {
	cluster := pgtest.Cluster(t)
	const timeout = 10 * time.Second
	p := startPair(t, cluster.DSN("driftsentry"), "REQUEST_TIMEOUT=10s", "DATABASE_ACQUIRE_TIMEOUT=2s", "DATABASE_CONNECT_TIMEOUT=2s")
	engineer, key := p.signIn("engineer"), p.client(p.apiKey)
	watcher := dial(t, p.socketURL, p.signIn("viewer").token, "", "drifts", "checks")

	if a := key.ingest(t.Context(), "before", "refresh_only_tf1.11.4.json"); a.status != http.StatusOK {
		t.Fatalf("ingest: %d %s", a.status, a.body)
	}
	before := watcher.waitEvent("check.completed")

	if err := cluster.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("ready is 503 and alive is 200", func(t *testing.T) {
		for _, base := range []string{p.apiURL, p.realtimeURL} {
			if a := p.client("").do(t.Context(), http.MethodGet, base+"/health/ready", nil); a.status != http.StatusServiceUnavailable {
				t.Errorf("ready: %d %s", a.status, a.body)
			}
			if a := p.client("").do(t.Context(), http.MethodGet, base+"/health/live", nil); a.status != http.StatusOK {
				t.Errorf("live: %d %s", a.status, a.body)
			}
		}
	})
	t.Run("requests get 503 with Retry-After within their timeout", func(t *testing.T) {
		for name, call := range map[string]func(context.Context) reply{
			"list": func(ctx context.Context) reply { return engineer.get(ctx, "/api/v1/drifts") },
			"login": func(ctx context.Context) reply {
				return p.client("").post(ctx, "/api/v1/auth/login", map[string]string{"email": "a@b.example", "password": "something-long"})
			},
			"ingest": func(ctx context.Context) reply { return key.ingest(ctx, "during", "refresh_only_tf1.11.4.json") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			a := call(ctx)
			cancel()
			if a.status != http.StatusServiceUnavailable || a.Error.Code != "SERVICE_UNAVAILABLE" || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s (Retry-After %q)", name, a.status, a.body, a.header.Get("Retry-After"))
			}
		}
	})
	t.Run("an outage is no unexpected error: nothing goes to Sentry", func(t *testing.T) {
		if events := p.sentry.Events(); len(events) > 0 {
			t.Errorf("%d events; the first: %s", len(events), events[0].Raw)
		}
	})

	if err := cluster.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("all recovers without a restart", func(t *testing.T) {
		for _, base := range []string{p.apiURL, p.realtimeURL} {
			p.eventually("ready again", func() bool {
				return p.client("").do(t.Context(), http.MethodGet, base+"/health/ready", nil).status == http.StatusOK
			})
		}
		if a := key.ingest(t.Context(), "after", "refresh_only_tf1.11.4.json"); a.status != http.StatusOK {
			t.Fatalf("ingest: %d %s", a.status, a.body)
		}
	})
	t.Run("the socket stayed open and missed nothing", func(t *testing.T) {
		after := watcher.waitEvent("check.completed")
		position := before.Position
		for _, f := range watcher.events() {
			if f.Position > before.Position {
				// Alerts are not subscribed to, so positions may step over them, but never back.
				if f.Position <= position {
					t.Errorf("position %d after %d", f.Position, position)
				}
				position = f.Position
			}
		}
		var head struct{ Items []struct{ Position int64 } }
		a := engineer.get(t.Context(), "/api/v1/events?limit=100&after="+before.Cursor)
		if err := json.Unmarshal(a.Data, &head); err != nil || len(head.Items) == 0 {
			t.Fatalf("events: %d %s", a.status, a.body)
		}
		if last := head.Items[len(head.Items)-1].Position; after.Position != last {
			t.Errorf("the socket is at %d, the stream at %d", after.Position, last)
		}
	})
	checkMetrics(t, p)
	p.stop()
	checkSignals(t, p)
}

// eventually polls a condition that only the service itself knows, until it holds.
func (p *pair) eventually(what string, yes func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("never: %s", what)
		}
	}
}
