package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/spantree"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestMainJob is what DriftSentry is for: a plan goes in, a decision comes out live, and one trace shows it all.
func TestMainJob(t *testing.T) {
	p := startPair(t, pgtest.DSN(t))
	t.Run("series_exist_before_the_first_client", func(t *testing.T) { expectSeries(t, p) })
	engineer, viewer := p.signIn("engineer"), p.signIn("viewer")
	watcher := dial(t, p.socketURL, viewer.token, "", "drifts", "alerts", "checks")

	// A CI job sends the plan with its own trace.
	ci := newTraceparent()
	ingested := p.client(p.apiKey).ingest(t.Context(), "production", "refresh_only_tf1.11.4.json", "traceparent", ci.String())
	if ingested.status != http.StatusOK {
		t.Fatalf("ingest: %d %s", ingested.status, ingested.body)
	}
	if got := ingested.correlation(); got != ci.traceID {
		t.Errorf("X-Correlation-ID of the ingest = %s, want the CI job's trace %s", got, ci.traceID)
	}
	created := watcher.waitEvent("drift.created")
	watcher.waitEvent("check.completed")
	if !strings.Contains(created.Event.Traceparent, ci.traceID) {
		t.Errorf("the event's traceparent %q is not of the CI job's trace", created.Event.Traceparent)
	}

	// An engineer approves, in a trace of the browser's.
	drifts := engineer.drifts()
	if len(drifts) != 4 || drifts[0].Severity != "critical" {
		t.Fatalf("drifts: %+v", drifts)
	}
	browser := newTraceparent()
	approved := engineer.post(t.Context(), "/api/v1/drifts/"+drifts[0].ID+"/approve",
		map[string]any{"reason": "agreed with the network team", "version": drifts[0].Version}, "traceparent", browser.String())
	if approved.status != http.StatusOK {
		t.Fatalf("approve: %d %s", approved.status, approved.body)
	}
	decision := watcher.waitEvent("drift.approved")
	if d := decision.Event.Data; d.ID != drifts[0].ID || d.Status != "approved" || d.Reason != "agreed with the network team" {
		t.Errorf("the event says %+v", d)
	}
	watcher.waitEvent("alert.read")

	t.Run("the socket saw every event once and in order", func(t *testing.T) {
		var positions []int64
		types := map[string]int{}
		for _, f := range watcher.events() {
			positions = append(positions, f.Position)
			types[f.Event.Type]++
		}
		for i := 1; i < len(positions); i++ {
			if positions[i] != positions[i-1]+1 {
				t.Errorf("positions have a gap: %v", positions)
			}
		}
		if types["drift.created"] != 4 || types["check.completed"] != 1 || types["drift.approved"] != 1 || types["alert.created"] != 2 {
			t.Errorf("events: %v", types)
		}
	})
	t.Run("the audit trail and the response name the trace", func(t *testing.T) {
		if got := approved.correlation(); got != browser.traceID {
			t.Errorf("X-Correlation-ID = %s, want %s", got, browser.traceID)
		}
		var timeline []struct{ Action, TraceID, ActorEmail string }
		engineer.get(t.Context(), "/api/v1/drifts/"+drifts[0].ID+"/timeline").decode(t, &timeline)
		last := timeline[len(timeline)-1]
		if last.TraceID != browser.traceID || last.Action != "drift.approved" || last.ActorEmail != "engineer@acme.example" {
			t.Errorf("timeline: %+v", timeline)
		}
	})
	t.Run("metrics have exemplars of these traces", func(t *testing.T) { expectExemplars(t, p, ci, browser) })
	t.Run("promtool finds only what is known in the metrics", func(t *testing.T) { expectChecked(t, p) })

	metrics := map[string][]byte{"api metrics": p.scrape(p.apiURL), "realtime metrics": p.scrape(p.realtimeURL), "frames": []byte(watcher.text())}
	checkMetrics(t, p)
	p.stop()
	consumed := func(id string) func(*otlpsink.Store) bool {
		return func(s *otlpsink.Store) bool {
			trace, _ := s.Trace(id)
			return slices.ContainsFunc(trace.Spans, func(s otlpsink.Span) bool { return s.Kind == otlpsink.KindConsumer })
		}
	}
	p.waitSpans("the ingest's process span", consumed(ci.traceID))
	p.waitSpans("the approval's process span", consumed(browser.traceID))

	t.Run("one trace from the CI job to the socket", func(t *testing.T) {
		trace, _ := p.sink.Trace(ci.traceID)
		golden(t, "ingest", spantree.Draw(trace, ci.spanID))
	})
	t.Run("one trace from the browser to the other browser", func(t *testing.T) {
		trace, _ := p.sink.Trace(browser.traceID)
		golden(t, "approve", spantree.Draw(trace, browser.spanID))
	})
	t.Run("the log lines carry the trace, on stdout and by OTLP", func(t *testing.T) { expectLogs(t, p, browser.traceID) })
	t.Run("no secret is anywhere", func(*testing.T) {
		places := p.places()
		maps.Copy(places, metrics)
		p.expectNoSecret(places)
	})
	checkSignals(t, p)
}

// scrape reads a service's metrics as Prometheus does, exemplars included.
func (p *pair) scrape(base string) []byte {
	p.t.Helper()
	a := p.client("").do(p.t.Context(), http.MethodGet, base+"/metrics", nil, "Accept", "application/openmetrics-text; version=1.0.0")
	if a.status != http.StatusOK {
		p.t.Fatalf("metrics: %d %s", a.status, a.body)
	}
	return a.body
}

func expectExemplars(t *testing.T, p *pair, ci, browser traceparent) {
	t.Helper()
	find := func(metrics []byte, name, traceID string) bool {
		for line := range strings.Lines(string(metrics)) {
			if strings.HasPrefix(line, name) && strings.Contains(line, `# {`) && strings.Contains(line, `trace_id="`+traceID+`"`) {
				return true
			}
		}
		return false
	}
	api := p.scrape(p.apiURL)
	if !find(api, `http_server_request_duration_seconds_bucket`, browser.traceID) {
		t.Error("no exemplar of the approval in the api's request durations")
	}
	realtime := p.scrape(p.realtimeURL)
	if !find(realtime, "driftsentry_realtime_", browser.traceID) && !find(realtime, "driftsentry_realtime_", ci.traceID) {
		t.Error("no exemplar of either trace in realtime's delivery latency")
	}
}

func expectLogs(t *testing.T, p *pair, traceID string) {
	t.Helper()
	i := slices.IndexFunc(p.api.logs(), func(l map[string]any) bool { return l["msg"] == "request" && l["trace_id"] == traceID })
	if i < 0 {
		t.Fatal("the api's access line of the approval has no such trace_id")
	}
	line := p.api.logs()[i]
	for field, want := range map[string]any{
		"level": "info", "method": "POST", "route": "/api/v1/drifts/{id}/approve", "status": 200.0, "role": "engineer", "service": "driftsentry-api",
	} {
		if line[field] != want {
			t.Errorf("the access line's %s = %v, want %v", field, line[field], want)
		}
	}
	if line["duration_ms"] == nil || line["userId"] == nil {
		t.Errorf("the access line has no duration or no user: %v", line)
	}
	trace, _ := p.sink.Trace(traceID)
	if !slices.ContainsFunc(trace.Logs, func(l otlpsink.Log) bool { return l.Body == "request" }) {
		t.Errorf("the access line did not come by OTLP: %+v", trace.Logs)
	}
}
