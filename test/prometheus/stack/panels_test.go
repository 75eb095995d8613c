//go:build stack

package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// TestPanels asks every query of every dashboard, rule and runbook after the main job and some mishaps, as Grafana
// would. A panel's query without a result fails, unless docs/observability.md lists it.
//
// Checked by breaking it: a wrong name in a dashboard and a query with a fault in a runbook each fail.
func TestPanels(t *testing.T) {
	s := start(t, options{})
	j := s.work(t)
	f := s.mishaps(t, j)
	defer f.leave(t)
	defer j.goOn(t)()

	mayBeEmpty := shipped.MayBeEmpty(t)
	open := map[string]func(ctx context.Context) error{}
	for _, d := range shipped.Dashboards(t) {
		variables := s.variables(t, d)
		for _, a := range d.Annotations.List {
			s.parses(t, "prometheus", interpolate(a.Expr, variables))
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				name := d.Title + ": " + p.Title + ": " + target.RefID
				open[name] = func(ctx context.Context) error {
					err := s.ask(ctx, target, variables)
					if errors.Is(err, errEmpty) && mayBeEmpty[name] {
						return nil
					}
					return err
				}
			}
		}
	}
	maps.Copy(open, s.names(t))
	t.Run("every query of a panel and every name in a rule finds something", func(t *testing.T) {
		asked := len(open)
		eventually(t, "questions", func(ctx context.Context) error {
			var unanswered []error
			for _, name := range slices.Sorted(maps.Keys(open)) {
				if err := open[name](ctx); err != nil {
					unanswered = append(unanswered, fmt.Errorf("%s: %w", name, err))
					continue
				}
				delete(open, name)
			}
			return errors.Join(unanswered...)
		})
		t.Logf("%d queries have results", asked)
	})
	t.Run("the runbooks' queries are understood", func(t *testing.T) {
		pages := shipped.Runbooks(t)
		for _, alert := range slices.Sorted(maps.Keys(pages)) {
			for heading, source := range map[string]string{"Prometheus:": "prometheus", "TraceQL:": "tempo", "Loki:": "loki"} {
				for _, query := range shipped.Queries(pages[alert], heading) {
					s.parses(t, source, query)
				}
			}
		}
	})
}

// mishaps are what happens beside the main job: errors, a wrong password, a failed check, a socket that comes back.
func (s *system) mishaps(t *testing.T, j job) *follower {
	t.Helper()
	for _, path := range []string{"/api/v1/drifts/00000000-0000-4000-8000-000000000000", "/api/v1/drifts?limit=0", "/nowhere"} {
		if status, err := j.status(t.Context(), path, newCaller()); err != nil || status < 400 || status >= 500 {
			t.Fatalf("%s: %d, %v", path, status, err)
		}
	}
	if _, err := s.client(t, client.WithPassword(engineer, "not-"+password)).SignIn(t.Context()); err == nil {
		t.Fatal("a wrong password signs in")
	}
	for _, base := range []string{s.url("api", 3001), s.url("realtime", 3002)} {
		if _, err := get(t.Context(), base+"/health/ready"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"clean_tf1.11.4.json", "errored_tf1.11.4.json"} { // A failure makes no workspace.
		if _, err := j.pipeline.SendPlan(t.Context(), "staging", plan(t, name), client.PlanOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	f := s.follow(t)
	// A counter that begins at one has no rate yet.
	s.expect(t, `driftsentry_realtime_handshakes_total{outcome="accepted"} > 0`)
	f.leave(t)
	f.open(t) // With its cursor.
	return f
}

// goOn keeps users and pipelines busy until it is stopped, so that every rate has something to count.
func (j job) goOn(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause := time.NewTicker(pollInterval)
		defer pause.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			_, err := j.status(ctx, "/api/v1/drifts/"+j.drift, newCaller())
			_, missing := j.status(ctx, "/nowhere", newCaller())
			_, ingest := j.pipeline.SendPlan(ctx, fmt.Sprintf("busy-%d", i), plan(t, "refresh_only_tf1.11.4.json"), client.PlanOptions{})
			if err := errors.Join(err, missing, ingest); err != nil && ctx.Err() == nil {
				t.Errorf("the work that goes on: %v", err)
				return
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// variables are those of a dashboard with "All" chosen, as Grafana fills them in. Each must have a value.
func (s *system) variables(t *testing.T, d shipped.Dashboard) map[string]string {
	t.Helper()
	// Time runs faster here, and Grafana's window is four scrapes.
	values := map[string]string{"__rate_interval": fmt.Sprintf("%dms", time.Minute.Milliseconds()/pace), "__range": "10m", "__interval": fmt.Sprintf("%dms", time.Minute.Milliseconds()/pace)}
	for _, v := range d.Templating.List {
		m := labelValues.FindStringSubmatch(v.Query.Query)
		if m == nil {
			t.Errorf("the variable %s asks %q", v.Name, v.Query.Query)
			continue
		}
		eventually(t, "the variable "+v.Name, func(ctx context.Context) error {
			var list []string
			err := query(ctx, s.url("prometheus", 9090)+"/api/v1/label/"+m[2]+"/values", url.Values{"match[]": {interpolate(m[1], values)}}, &list)
			if err == nil && len(list) == 0 {
				err = errEmpty
			}
			for i, value := range list {
				list[i] = regexp.QuoteMeta(value)
			}
			values[v.Name] = "(" + strings.Join(list, "|") + ")"
			return err
		})
	}
	return values
}

var variable = regexp.MustCompile(`\$(\w+)`)

func interpolate(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := values[name[1:]]; ok {
			return strings.ReplaceAll(value, `\`, `\\`) // within a string of PromQL
		}
		return name
	})
}

var errEmpty = errors.New("the result is empty")

// ask asks a panel's query.
func (s *system) ask(ctx context.Context, target shipped.Target, variables map[string]string) error {
	expression := interpolate(target.Expr, variables)
	switch {
	case target.QueryType == "serviceMap":
		_, err := s.instant(ctx, `sum by (client, server) (traces_service_graph_request_total) and sum by (client, server) (traces_service_graph_request_server_seconds_sum)`)
		return err
	case target.MetricsQueryType != "":
		return s.traceMetrics(ctx, interpolate(target.Query, variables))
	case target.Datasource.Type == "tempo":
		return s.search(ctx, interpolate(target.Query, variables))
	case target.Datasource.Type == "loki":
		_, err := s.logs(ctx, expression)
		return err
	case target.Instant:
		_, err := s.instant(ctx, expression)
		return err
	default:
		return s.over(ctx, expression)
	}
}

// parses sends a query to its store, which must understand it, whatever it finds.
func (s *system) parses(t *testing.T, source, text string) {
	t.Helper()
	target := shipped.Target{Expr: text, Query: text, Instant: true}
	target.Datasource.Type = source
	ctx, cancel := context.WithTimeout(t.Context(), patience/8)
	defer cancel()
	if err := s.ask(ctx, target, nil); err != nil && !errors.Is(err, errEmpty) {
		t.Errorf("%s: %v", text, err)
	}
}

// over asks for the last minutes, of which there must be a number.
func (s *system) over(ctx context.Context, expression string) error {
	var data struct {
		Result []struct{ Values [][2]any }
	}
	now := time.Now()
	err := query(ctx, s.url("prometheus", 9090)+"/api/v1/query_range", url.Values{
		"query": {expression}, "start": {now.Add(-5 * time.Minute).Format(time.RFC3339)}, "end": {now.Format(time.RFC3339)}, "step": {"1"},
	}, &data)
	if err != nil {
		return err
	}
	for _, series := range data.Result {
		if slices.ContainsFunc(series.Values, func(v [2]any) bool { return v[1] != "NaN" }) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", expression, errEmpty)
}

// search asks Tempo for traces.
func (s *system) search(ctx context.Context, traceQL string) error {
	now := time.Now()
	body, err := get(ctx, s.url("tempo", 3200)+"/api/search?"+url.Values{
		"q": {traceQL}, "limit": {"20"}, "start": {fmt.Sprint(now.Add(-time.Hour).Unix())}, "end": {fmt.Sprint(now.Add(time.Minute).Unix())},
	}.Encode())
	if err != nil {
		return err
	}
	var found struct{ Traces []struct{ TraceID string } }
	if err := json.Unmarshal(body, &found); err != nil {
		return err
	}
	if len(found.Traces) == 0 {
		return fmt.Errorf("%s: %w", traceQL, errEmpty)
	}
	return nil
}

// traceMetrics asks Tempo for numbers of the traces of the last minutes, of which one must be above zero.
func (s *system) traceMetrics(ctx context.Context, traceQL string) error {
	now := time.Now()
	body, err := get(ctx, s.url("tempo", 3200)+"/api/metrics/query_range?"+url.Values{
		"q": {traceQL}, "step": {"5s"}, "start": {fmt.Sprint(now.Add(-5 * time.Minute).Unix())}, "end": {fmt.Sprint(now.Unix())},
	}.Encode())
	if err != nil {
		return err
	}
	var found struct {
		Series []struct{ Samples []struct{ Value float64 } }
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return err
	}
	for _, series := range found.Series {
		for _, sample := range series.Samples {
			if sample.Value > 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("%s: %w", traceQL, errEmpty)
}
