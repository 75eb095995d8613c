//go:build faults

package faults

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/prometheus/alarm"
	"github.com/driftsentry/driftsentry/testkit/pooler"
)

// metrics are those of a replica; empty when it has none.
func metrics(ctx context.Context, r *replica.Replica) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/metrics", http.NoBody)
	if err != nil {
		return ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// TestPooler: both services behind pgbouncer. In session mode they work; in transaction mode without prepared statements they
// refuse to start, by name; and a listener that hears nothing says so, until DATABASE_DIRECT_URL leads past the pooler.
func TestPooler(t *testing.T) {
	m := startMoved(t)
	dsn := m.cluster.DSN("driftsentry")
	environ := without(m.env, "DATABASE_URL", "NATS_URL")
	ready := func(t *testing.T, name, program, url string, more ...string) *replica.Replica {
		t.Helper()
		r := m.replica(t, name, program, append(append(without(environ), "DATABASE_URL="+url), more...))
		if err := r.AwaitReady(m.ctx); err != nil {
			t.Fatal(err)
		}
		return r
	}
	listening := func(r *replica.Replica, want string) {
		m.eventually("driftsentry_realtime_listening "+want, func() bool {
			return strings.Contains(metrics(m.ctx, r), "\ndriftsentry_realtime_listening "+want)
		})
	}
	t.Run("session mode", func(t *testing.T) {
		url := pooler.Start(t, dsn, pooler.Session)
		api := ready(t, "api-session", programs.API, url)
		for range 10 {
			m.number++
			if err := m.report(api); err != nil {
				t.Fatal(err)
			}
		}
		listening(ready(t, "realtime-session", programs.Realtime, url), "1")
	})
	t.Run("transaction mode without prepared statements is refused by name", func(t *testing.T) {
		for name, program := range map[string]string{"api-transaction": programs.API, "realtime-transaction": programs.Realtime} {
			r := m.replica(t, name, program, append(without(environ), "DATABASE_URL="+pooler.Start(t, dsn, pooler.Transaction)))
			select {
			case <-r.Done():
			case <-m.ctx.Done():
				t.Fatalf("%s goes on", name)
			}
			if log := r.Log(); !strings.Contains(log, "DATABASE_URL leads through a pooler in transaction mode") {
				t.Errorf("%s does not say why it ended:\n%s", name, r.LogTail())
			}
		}
		if len(m.sentry.Events()) == 0 {
			t.Error("Sentry was not told")
		}
	})
	t.Run("a listener behind a pooler says that it is deaf, and the alert fires", func(t *testing.T) {
		url := pooler.Start(t, dsn, pooler.Transaction) + "&default_query_exec_mode=cache_describe"
		deaf := ready(t, "realtime-deaf", programs.Realtime, url)
		listening(deaf, "0")
		watch, err := alarm.New("../../../deploy/prometheus/rules/*.yml", time.Second, []alarm.Target{
			{Job: "driftsentry-realtime", Instance: deaf.Address(), URL: deaf.URL() + "/metrics"},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(m.ctx)
		ended := make(chan struct{})
		go func() { defer close(ended); watch.Run(ctx, scrapePause) }()
		defer func() { stop(); <-ended }()
		if err := watch.Await(m.ctx, "RealtimeNotListening"); err != nil {
			t.Error(err)
		}
		m.eventually("its log names the remedy", func() bool { return strings.Contains(deaf.Log(), "DATABASE_DIRECT_URL has to") })
		listening(ready(t, "realtime-direct", programs.Realtime, url, "DATABASE_DIRECT_URL="+dsn), "1")
	})
}
