//go:build stack

package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/sentrytest"
	"github.com/driftsentry/driftsentry/test/internal/spantree"
)

// TestStack does the main job and follows every link from one signal to another, as a person in Grafana would. An empty
// answer at any link fails.
func TestStack(t *testing.T) {
	s := start(t)
	j := s.work(t)

	t.Run("every target that runs here is up", func(t *testing.T) {
		for _, job := range []string{
			"driftsentry-api", "driftsentry-realtime", "otel-collector", "postgres", "host", "tempo", "loki", "prometheus", "alertmanager",
		} {
			s.expect(t, fmt.Sprintf(`up{job=%q} == 1`, job))
		}
	})
	t.Run("the latency of the approval has its trace as an exemplar", func(t *testing.T) {
		s.expectExemplar(t, `http_server_request_duration_seconds_bucket{job="driftsentry-api",http_route="/api/v1/drifts/{id}/approve"}`, j.browser.traceID)
	})
	t.Run("the delivery latency has one of the two traces as an exemplar", func(t *testing.T) {
		s.expectExemplar(t, `{__name__=~"driftsentry_realtime_.*_bucket",job="driftsentry-realtime"}`, j.ci.traceID, j.browser.traceID)
	})
	t.Run("Tempo has both traces whole", func(t *testing.T) {
		s.expectTree(t, "ingest", j.ci)
		s.expectTree(t, "approve", j.browser)
	})
	t.Run("Loki has the approval's lines by its trace ID", func(t *testing.T) {
		s.expectLine(t, "driftsentry-api", j.browser.traceID, "request")
	})
	t.Run("Tempo makes span metrics with exemplars of ours", func(t *testing.T) {
		s.expect(t, `traces_spanmetrics_calls_total{service="driftsentry-api",span_name="POST /api/v1/drifts/{id}/approve"} > 0`)
		s.expect(t, `traces_spanmetrics_calls_total{service="driftsentry-realtime",span_kind="SPAN_KIND_CONSUMER"} > 0`)
		s.expectSpanExemplar(t, j)
	})
	t.Run("the service graph has its edges", func(t *testing.T) {
		s.expect(t, `traces_service_graph_request_total{client="driftsentry-api",server="postgres",connection_type="database"} > 0`)
		s.expect(t, `traces_service_graph_request_total{client="driftsentry-api",server="driftsentry-realtime",connection_type="messaging_system"} > 0`)
	})
	t.Run("the drift's timeline names the trace", func(t *testing.T) {
		if last := j.timeline[len(j.timeline)-1]; last.Action != "drift.approved" || last.TraceID != j.browser.traceID {
			t.Errorf("timeline: %+v", j.timeline)
		}
	})
	t.Run("host and Postgres are measured", func(t *testing.T) {
		s.expect(t, `postgresql_backends{postgresql_database_name="driftsentry"} > 0`)
		s.expect(t, `system_memory_usage_bytes{state="used"} > 0`)
		s.expect(t, `system_filesystem_usage_bytes > 0`)
	})
	t.Run("an unexpected error is in Sentry, Tempo and Loki under one ID", func(t *testing.T) { s.expectUnexpected(t, j) })
	t.Run("the restart of a store loses nothing", func(t *testing.T) { s.expectNothingLost(t, j) })
}

// expect waits for an expression to give something.
func (s *system) expect(t *testing.T, expression string) {
	t.Helper()
	eventually(t, "Prometheus", func(ctx context.Context) error {
		_, err := s.instant(ctx, expression)
		return err
	})
}

// expectExemplar waits for an exemplar of one of the traces.
func (s *system) expectExemplar(t *testing.T, selector string, traceIDs ...string) {
	t.Helper()
	eventually(t, "Prometheus", func(ctx context.Context) error {
		ids, err := s.exemplars(ctx, selector)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(traceIDs, id) }) {
			return fmt.Errorf("the exemplars of %s are of %v, not of %v", selector, ids, traceIDs)
		}
		return nil
	})
}

// expectSpanExemplar follows an exemplar of Tempo's own metrics to its trace. Tempo sends each exemplar once, and none in the
// first seconds after its start, so requests go on until one is there.
func (s *system) expectSpanExemplar(t *testing.T, j job) {
	t.Helper()
	eventually(t, "span metrics", func(ctx context.Context) error {
		if _, err := j.status(ctx, "/api/v1/drifts/"+j.drift, newCaller()); err != nil {
			return err
		}
		ids, err := s.exemplars(ctx, `traces_spanmetrics_latency_bucket{service="driftsentry-api",span_name="GET /api/v1/drifts/{id}"}`)
		if err != nil {
			return err
		}
		_, err = s.trace(ctx, ids[0])
		return err
	})
}

// expectTree waits for a trace to be what the end-to-end tests keep of it.
func (s *system) expectTree(t *testing.T, name string, c caller) {
	t.Helper()
	want, err := os.ReadFile("../e2e/testdata/" + name + ".tree")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "Tempo", func(ctx context.Context) error {
		trace, err := s.trace(ctx, c.traceID)
		if err != nil {
			return err
		}
		got := spantree.Draw(trace, c.spanID)
		if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			return fmt.Errorf("the trace %s (-want +got):\n%s", name, diff)
		}
		return nil
	})
}

// expectLine waits for a log line of a service in a trace.
func (s *system) expectLine(t *testing.T, service, traceID, text string) {
	t.Helper()
	eventually(t, "Loki", func(ctx context.Context) error {
		lines, err := s.logs(ctx, fmt.Sprintf("{service_name=%q} | trace_id=%q", service, traceID))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(lines, func(l logLine) bool { return l.text == text && l.labels["trace_id"] == traceID }) {
			return fmt.Errorf("no line %q among %v", text, lines)
		}
		return nil
	})
}

// expectUnexpected breaks the database in a way that nobody classified.
func (s *system) expectUnexpected(t *testing.T, j job) {
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.superuser)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "alter table drift rename column occurrences to broken"); err != nil {
		t.Fatal(err)
	}
	c := newCaller()
	status, err := j.status(ctx, "/api/v1/drifts/"+j.drift, c)
	if err != nil || status != http.StatusInternalServerError {
		t.Errorf("status %d (%v), want 500", status, err)
	}
	if _, err := conn.Exec(ctx, "alter table drift rename column broken to occurrences"); err != nil {
		t.Fatal(err)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.sentry.Wait(wait, func(events []sentrytest.Event) bool {
		return slices.ContainsFunc(events, func(e sentrytest.Event) bool { return e.TraceID() == c.traceID })
	}); err != nil {
		t.Errorf("Sentry: %v", err)
	}
	eventually(t, "Tempo", func(ctx context.Context) error {
		trace, err := s.trace(ctx, c.traceID)
		if err == nil && !strings.Contains(spantree.Draw(trace, c.spanID), " error\n") {
			err = fmt.Errorf("no span of %s is an error", c.traceID)
		}
		return err
	})
	s.expectLine(t, "driftsentry-api", c.traceID, "request")
}

// expectNothingLost restarts Tempo and Loki while requests go on, and looks for each of these afterwards.
func (s *system) expectNothingLost(t *testing.T, j job) {
	var callers []caller
	send := func(n int) {
		t.Helper()
		for range n {
			c := newCaller()
			if status, err := j.status(t.Context(), "/api/v1/drifts/"+j.drift, c); err != nil || status != http.StatusOK {
				t.Fatalf("status %d (%v)", status, err)
			}
			callers = append(callers, c)
		}
	}
	const batch = 50
	for _, store := range []struct {
		*program
		ready string
	}{{s.tempo, s.url("tempo", 3200) + "/ready"}, {s.loki, s.url("loki", 3100) + "/ready"}} {
		send(batch)
		store.stop(t)
		send(batch)
		store.start(t, store.Name())
		send(batch)
		ready(t, store.program, store.ready)
	}
	for _, c := range callers {
		eventually(t, "Tempo after its restart", func(ctx context.Context) error {
			trace, err := s.trace(ctx, c.traceID)
			if err == nil && len(trace.Spans) < 2 {
				err = fmt.Errorf("%d spans of %s", len(trace.Spans), c.traceID)
			}
			return err
		})
	}
	eventually(t, "Loki after its restart", func(ctx context.Context) error {
		lines, err := s.logs(ctx, `{service_name="driftsentry-api"} |= "request"`)
		if err != nil {
			return err
		}
		missing := 0
		for _, c := range callers {
			if !slices.ContainsFunc(lines, func(l logLine) bool { return l.labels["trace_id"] == c.traceID }) {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d access lines are missing", missing, len(callers))
		}
		return nil
	})
}
