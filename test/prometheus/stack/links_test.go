//go:build stack

package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/test/internal/spantree"
	"github.com/driftsentry/driftsentry/testkit/pyroscopetest"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

const approve = "/api/v1/drifts/{id}/approve"

// TestLinks does the main job and follows every link from one signal to another, as a person in Grafana would: with the
// queries that deploy/grafana/provisioning has. An empty response at any link fails.
//
// Checked by breaking it: another name in derivedFields or in a query of tracesToMetrics, and a collector without
// redaction or transform/database, each fail their case.
func TestLinks(t *testing.T) {
	pyroscope := pyroscopetest.Start(t)
	s := start(t, options{extra: []string{"PYROSCOPE_URL=" + pyroscope.URL(), "FLIGHT_RECORDER=true", "SLOW_REQUEST_THRESHOLD=1us"}})
	j := s.work(t)

	t.Run("every target that runs here is up", func(t *testing.T) {
		for _, job := range []string{
			"driftsentry-api", "driftsentry-realtime", "otel-collector", "postgres", "host", "tempo", "loki", "prometheus", "alertmanager",
		} {
			s.expect(t, fmt.Sprintf(`up{job=%q} == 1`, job))
		}
	})
	t.Run("from the latency of the approval to its trace, its log lines and back", func(t *testing.T) { s.followApproval(t, j) })
	t.Run("from the delivery's latency to one of the two traces", func(t *testing.T) {
		s.expectExemplar(t, `{__name__=~"driftsentry_realtime_.*_bucket",job="driftsentry-realtime"}`, j.ci.traceID, j.browser.traceID)
	})
	t.Run("the pipeline's trace is whole", func(t *testing.T) { s.expectTree(t, "ingest", j.ci) })
	t.Run("the drift's timeline names the trace", func(t *testing.T) {
		if last := j.timeline[len(j.timeline)-1]; last.Action != "drift.approved" || last.TraceID != j.browser.traceID {
			t.Errorf("timeline: %+v", j.timeline)
		}
	})
	t.Run("an unexpected error is in Sentry, Tempo and Loki under one ID", func(t *testing.T) { s.expectUnexpected(t, j) })
	t.Run("from a span to the metrics of spans like it, and from these to a trace", func(t *testing.T) { s.followSpanMetrics(t, j) })
	t.Run("from a trace to the service graph", func(t *testing.T) {
		s.expect(t, `traces_service_graph_request_total{client="driftsentry-api",server="postgres",connection_type="database"} > 0`)
		s.expect(t, `traces_service_graph_request_total{client="driftsentry-api",server="driftsentry-realtime",connection_type="messaging_system"} > 0`)
	})
	t.Run("from the pipeline's trace to its run of CI", func(t *testing.T) { s.followUpload(t, j) })
	t.Run("from a trace to its profile", func(t *testing.T) { s.followProfile(t, j, pyroscope) })
	t.Run("from an access line to its execution trace", s.followExecutionTrace)
	t.Run("alerts show before they are sent", func(t *testing.T) {
		eventually(t, "Alertmanager", func(ctx context.Context) error {
			body, err := get(ctx, s.url("alertmanager", 9093)+"/api/v2/alerts")
			if err == nil && !strings.Contains(string(body), `"alertname":"Watchdog"`) {
				err = fmt.Errorf("no Watchdog among %.300s", body)
			}
			return err
		})
	})
	t.Run("what a service forgot to mask, the collector masks", s.expectRedacted)
}

// followApproval goes from a metric to a trace, to its logs and back to it.
func (s *system) followApproval(t *testing.T, j job) {
	t.Helper()
	sources := shipped.Datasources(t)
	exemplar := sources["prometheus"].JSONData.Exemplars[0]
	s.expectExemplar(t, `http_server_request_duration_seconds_bucket{job="driftsentry-api",http_route="`+approve+`"}`, j.browser.traceID)
	if exemplar.DatasourceUID != "tempo" {
		t.Fatalf("the exemplar's link leads to %s", exemplar.DatasourceUID)
	}
	s.expectTree(t, "approve", j.browser)

	toLogs := sources["tempo"].JSONData.TracesToLogs
	if toLogs.DatasourceUID != "loki" {
		t.Fatalf("the span's link leads to %s", toLogs.DatasourceUID)
	}
	logQL := strings.NewReplacer("$${__tags}", tags(toLogs.Tags, "driftsentry-api"), "$${__trace.traceId}", j.browser.traceID).Replace(toLogs.Query)
	line := s.expectLine(t, logQL, "request")

	field := sources["loki"].JSONData.DerivedFields[0]
	if field.MatcherType != "label" || field.DatasourceUID != "tempo" {
		t.Fatalf("the line's link is %+v", field)
	}
	url := strings.ReplaceAll(field.URL, "$${__value.raw}", line.labels[field.MatcherRegex])
	if _, err := s.trace(t.Context(), url); err != nil || url != j.browser.traceID {
		t.Errorf("the line's link leads to %q: %v", url, err)
	}
}

// tags are a span's attributes as a selector's labels.
func tags(list []shipped.Tag, service string) string {
	var all []string
	for _, tag := range list {
		if tag.Key == "service.name" {
			all = append(all, fmt.Sprintf("%s=%q", tag.Value, service))
		}
	}
	return strings.Join(all, ", ")
}

// followSpanMetrics asks what Grafana asks for a span, and goes back by an exemplar. Tempo sends each exemplar once,
// and none in the first seconds after its start, so requests go on until one is there.
func (s *system) followSpanMetrics(t *testing.T, j job) {
	t.Helper()
	link := shipped.Datasources(t)["tempo"].JSONData.TracesToMetrics
	for _, service := range []string{"driftsentry-api", "driftsentry-realtime"} {
		for _, q := range link.Queries {
			if service == "driftsentry-realtime" && strings.Contains(q.Query, "ERROR") {
				continue // None of its spans failed.
			}
			s.expect(t, strings.ReplaceAll(q.Query, "$$__tags", tags(link.Tags, service)))
		}
	}
	eventually(t, "span metrics", func(ctx context.Context) error {
		j.look(t, newCaller())
		ids, err := s.exemplars(ctx, `traces_spanmetrics_latency_bucket{service="driftsentry-api",span_name="GET /api/v1/drifts/{id}"}`)
		if err != nil {
			return err
		}
		_, err = s.trace(ctx, ids[0])
		return err
	})
}

// expectUnexpected breaks the database in an unclassified way.
func (s *system) expectUnexpected(t *testing.T, j job) {
	t.Helper()
	c := s.failingRequest(t, j)
	wait, cancel := context.WithTimeout(t.Context(), patience)
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
	s.expectLine(t, fmt.Sprintf(`{service_name="driftsentry-api"} | trace_id=%q`, c.traceID), "request")
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
		if err == nil && !slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(traceIDs, id) }) {
			err = fmt.Errorf("the exemplars of %s are of %v, not of %v", selector, ids, traceIDs)
		}
		return err
	})
}

// expectTree waits for a trace to be what the end-to-end tests keep of it.
func (s *system) expectTree(t *testing.T, name string, c caller) {
	t.Helper()
	want := shipped.Text(t, "../../e2e/testdata/"+name+".tree")
	eventually(t, "Tempo", func(ctx context.Context) error {
		trace, err := s.trace(ctx, c.traceID)
		if err != nil {
			return err
		}
		// The Go client sends an Idempotency-Key, and the caller of these trees sent none.
		got := slices.DeleteFunc(strings.Split(spantree.Draw(trace, c.spanID), "\n"), func(line string) bool { return strings.Contains(line, " idempotency\"") })
		if diff := gocmp.Diff(strings.Split(want, "\n"), got); diff != "" {
			return fmt.Errorf("the trace %s (-want +got):\n%s", name, diff)
		}
		return nil
	})
}

// expectLine waits for a log line.
func (s *system) expectLine(t *testing.T, logQL, text string) logLine {
	t.Helper()
	var found logLine
	eventually(t, "Loki", func(ctx context.Context) error {
		lines, err := s.logs(ctx, logQL)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(lines, func(l logLine) bool { return l.text == text })
		if i < 0 {
			return fmt.Errorf("no line %q among %v", text, lines)
		}
		found = lines[i]
		return nil
	})
	return found
}
