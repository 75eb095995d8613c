//go:build faults

package faults

import (
	"context"
	"fmt"
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

// behind is a system with more replicas, which reach the database through pgbouncer and get their hints from it.
type behind struct {
	*moved
	dsn     string
	environ []string
}

func startBehind(t *testing.T) behind {
	t.Helper()
	m := startMoved(t)
	return behind{m, m.cluster.DSN("driftsentry"), without(m.env, "DATABASE_URL", "NATS_URL")}
}

func (b behind) ready(name, program, url string, more ...string) *replica.Replica {
	b.t.Helper()
	r := b.replica(b.t, name, program, append(append(without(b.environ), "DATABASE_URL="+url), more...))
	if err := r.AwaitReady(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b behind) listening(r *replica.Replica, want string) {
	b.t.Helper()
	b.eventually("driftsentry_realtime_listening "+want, func() bool {
		return strings.Contains(metrics(b.ctx, r), "\ndriftsentry_realtime_listening "+want)
	})
}

// serves writes at an api and reads what was written, all at once, and waits until a realtime has got a hint of it.
func (b behind) serves(api, realtime *replica.Replica) string {
	b.t.Helper()
	const writes = 30
	b.listening(realtime, "1")
	before := total(b.t, b.client(b.t, api, b.token))
	failed := make(chan error, writes)
	for range writes {
		go func() { failed <- b.report(api) }()
	}
	for range writes {
		if err := <-failed; err != nil {
			b.t.Errorf("a write: %v", err)
		}
	}
	if got := total(b.t, b.client(b.t, api, b.token)) - before; got != writes {
		b.t.Errorf("%d drifts more, after %d writes", got, writes)
	}
	b.eventually("a hint is heard", func() bool {
		return strings.Contains(metrics(b.ctx, realtime), `driftsentry_realtime_hints_total{outcome="ignored"`)
	})
	return fmt.Sprintf("%d of %d writes at once, all of them read; hints were heard", writes, writes)
}

// session: both services work behind pgbouncer in session mode.
func session(t *testing.T) string {
	t.Helper()
	b := startBehind(t)
	url := pooler.Start(t, b.dsn, pooler.Session)
	return b.serves(b.ready("api-session", programs.API, url), b.ready("realtime-session", programs.Realtime, url))
}

// prepared: both services work behind a pgbouncer in transaction mode that keeps prepared statements.
func prepared(t *testing.T) string {
	t.Helper()
	b := startBehind(t)
	url := pooler.Start(t, b.dsn, pooler.Prepared)
	return b.serves(b.ready("api-prepared", programs.API, url), b.ready("realtime-prepared", programs.Realtime, url, "DATABASE_DIRECT_URL="+b.dsn))
}

// refusal: in transaction mode without prepared statements they refuse to start, by name, and with an unsafe query mode too.
func refusal(t *testing.T) string {
	t.Helper()
	b := startBehind(t)
	url := pooler.Start(t, b.dsn, pooler.Transaction)
	const unsafe, describe = "DATABASE_URL leads through a pooler in transaction mode", "has default_query_exec_mode=describe_exec"
	for _, c := range []struct{ name, program, url, says string }{
		{"api-transaction", programs.API, url, unsafe},
		{"realtime-transaction", programs.Realtime, url, unsafe},
		{"api-describe", programs.API, url + "&default_query_exec_mode=describe_exec", describe},
		{"realtime-describe", programs.Realtime, url + "&default_query_exec_mode=describe_exec", describe},
	} {
		r := b.replica(t, c.name, c.program, append(without(b.environ), "DATABASE_URL="+c.url))
		select {
		case <-r.Done():
		case <-b.ctx.Done():
			t.Fatalf("%s goes on", c.name)
		}
		if !strings.Contains(r.Log(), c.says) {
			t.Errorf("%s does not say why it ended:\n%s", c.name, r.LogTail())
		}
	}
	if len(b.sentry.Events()) == 0 {
		t.Error("Sentry was not told")
	}
	return "each ended with a message that names the remedy; Sentry was told"
}

// deaf: a listener that hears nothing says so, until DATABASE_DIRECT_URL leads past the pooler.
func deaf(t *testing.T) string {
	t.Helper()
	b := startBehind(t)
	url := pooler.Start(t, b.dsn, pooler.Transaction) + "&default_query_exec_mode=cache_describe"
	r := b.ready("realtime-deaf", programs.Realtime, url)
	b.listening(r, "0")
	watch, err := alarm.New("../../../deploy/prometheus/rules/*.yml", time.Second, []alarm.Target{
		{Job: "driftsentry-realtime", Instance: r.Address(), URL: r.URL() + "/metrics"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); watch.Run(ctx, scrapePause) }()
	defer func() { stop(); <-ended }()
	if err := watch.Await(b.ctx, "RealtimeNotListening"); err != nil {
		t.Error(err)
	}
	b.eventually("its log names the remedy", func() bool { return strings.Contains(r.Log(), "DATABASE_DIRECT_URL has to") })
	b.listening(b.ready("realtime-direct", programs.Realtime, url, "DATABASE_DIRECT_URL="+b.dsn), "1")
	return "0, the alert fired, the log named it; with it, 1"
}
