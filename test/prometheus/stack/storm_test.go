//go:build stack

package stack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

const (
	// storm is how many requests fail, and how many others succeed meanwhile.
	storm = 800
	// batchLimit is the most that leaves a service, or the collector, at once.
	batchLimit = 3 << 20
	// full is a batch that shows that the limit was reached.
	full = 2 << 20
)

// TestStorm sends more errors at once than the limits of the stores let through in one batch: first those of the services, then those of
// another sender, then records that a store refuses. Batches stay below the limit at each hop, what is not stored is counted where
// the alerts look, and nothing waits for ever.
//
// Checked by breaking it: without the bound of the exports (pkg/telemetry/internal/otlp), without max_size in the collector's batches,
// and with max_elapsed_time: 0, one case each fails.
func TestStorm(t *testing.T) {
	var (
		r           recorder
		tempo, loki hop
	)
	s := start(t, options{
		between: func(collector string) string { return record(t, &r, collector) },
		// What is refused is given up after 30 seconds instead of a quarter of an hour.
		collectorConfig: func(s *system, config string) string {
			return strings.NewReplacer(s.address("tempo", 4317), tempo.beforeTempo(t, s.address("tempo", 4317)), s.url("loki", 3100), loki.beforeLoki(t, s.url("loki", 3100)),
				"max_elapsed_time: 15m", "max_elapsed_time: 30s", "max_interval: 15s", "max_interval: 1s").Replace(config)
		},
		// Exports wait until they are full, as they are when errors come faster than they can leave.
		extra: []string{"RATE_LIMIT_REQUESTS=1000000", "OTEL_BSP_SCHEDULE_DELAY=15000", "OTEL_BLRP_SCHEDULE_DELAY=15000"},
	})
	j := s.work(t)

	t.Run("of the services", func(t *testing.T) {
		failed := s.errorStorm(t, j)
		s.arrived(t, &r)
		for what, h := range map[string]*hop{"spans": &r.spans, "log records": &r.lines} {
			if largest, _ := h.seen(); largest > batchLimit || largest < full {
				t.Errorf("the largest export of %s has %d bytes, want some %d", what, largest, batchLimit)
			}
		}
		s.expectCounted(t, &r, failed)
		s.drained(t)
		s.expectSpans(t, r.Traces())
		s.expectLines(t, "driftsentry-api", func() int { return countLines(r.Logs(), "driftsentry-api") })
		s.expectNothingLost(t)
		s.expectWithinLimit(t, "api", s.api)
	})
	out := dial(t, s.address("otel-collector", 4317))
	t.Run("of another sender, with exports of 10 MiB", func(t *testing.T) {
		const items = 1000
		traceIDs := out.send(t, "other", items, strings.Repeat("an error ", 1100))
		s.drained(t)
		s.expectLines(t, "other", exactly(items))
		s.expectWhole(t, traceIDs, items)
		s.expectNothingLost(t)
		for what, h := range map[string]*hop{"Tempo": &tempo, "Loki": &loki} {
			if largest, _ := h.seen(); largest > batchLimit || largest < full {
				t.Errorf("the largest batch for %s has %d bytes, want some %d", what, largest, batchLimit)
			}
		}
	})
	t.Run("records that a store refuses for good, among others", func(t *testing.T) {
		out.sendRefused(t, "refused", 20)
		s.drained(t)
		s.expectLines(t, "refused", exactly(20))
		s.expect(t, `sum(loki_discarded_samples_total) > 0`)
		s.expect(t, `sum(tempo_discarded_spans_total) > 0`)
		s.expect(t, `ALERTS{alertname="TelemetryRejected",alertstate="firing",job="loki"}`)
		s.expect(t, `ALERTS{alertname="TelemetryRejected",alertstate="firing",job="tempo"}`)
	})
	t.Run("batches that a store refuses each time", func(t *testing.T) {
		before := s.lost(t)
		// More than there are consumers, each large enough to be a batch.
		const batches, items = 5, 100
		for range batches {
			out.send(t, "poisoned", items, poison+strings.Repeat(" again", 1100))
		}
		traceIDs := out.send(t, "behind", items, "it waits")
		s.expectLines(t, "behind", exactly(items))
		s.expectWhole(t, traceIDs, items)
		s.drained(t)
		for what, h := range map[string]*hop{"Tempo": &tempo, "Loki": &loki} {
			if _, refused := h.seen(); refused < batches {
				t.Errorf("%d batches for %s were refused, want at least %d", refused, what, batches)
			}
		}
		after := s.lost(t)
		for _, metric := range []string{"otelcol_exporter_send_failed_spans_total", "otelcol_exporter_send_failed_log_records_total"} {
			if n := after[metric] - before[metric]; n < batches*items {
				t.Errorf("%s counts %v, want at least %d", metric, n, batches*items)
			}
		}
		s.expect(t, `ALERTS{alertname="TelemetryLost",alertstate="firing",exporter="otlp_grpc/tempo"}`)
		s.expect(t, `ALERTS{alertname="TelemetryLost",alertstate="firing",exporter="otlp_http/loki"}`)
	})
}

// errorStorm makes each reading of a drift fail with a long message, and returns the callers. Other requests succeed meanwhile.
func (s *system) errorStorm(t *testing.T, j job) []caller {
	t.Helper()
	s.administer(t, `create function storm() returns boolean language plpgsql as $$ begin raise exception '%', repeat('the storm ', 1000); end $$;
		alter table drift enable row level security; create policy storm on drift using (storm())`)
	defer s.administer(t, `drop policy storm on drift; alter table drift disable row level security`)
	var (
		mu      sync.Mutex
		failed  []caller
		clients sync.WaitGroup
	)
	const parallel = 8
	for range parallel {
		clients.Go(func() {
			for range storm / parallel {
				c := newCaller()
				for path, want := range map[string]int{"/api/v1/drifts/" + j.drift: http.StatusInternalServerError, "/api/v1/users/me": http.StatusOK} {
					if got, err := j.status(t.Context(), path, c); err != nil || got != want {
						t.Errorf("%s: %d, %v; want %d", path, got, err, want)
					}
				}
				mu.Lock()
				failed = append(failed, c)
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return failed
}

// expectCounted compares what reached the collector of the callers' requests with what api says that it dropped.
func (s *system) expectCounted(t *testing.T, r *recorder, callers []caller) {
	t.Helper()
	lines := map[string]bool{}
	for _, l := range r.Logs() {
		if l.Attributes["route"] == "/api/v1/drifts/{id}" {
			lines[l.TraceID] = true
		}
	}
	missing := map[string]float64{}
	for _, c := range callers {
		if _, ok := r.Trace(c.traceID); !ok {
			missing["span"]++
		}
		if !lines[c.traceID] {
			missing["log"]++
		}
	}
	m, err := scrape(t.Context(), s.url("api", 9090))
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{"span", "log"} {
		dropped := 0.0
		for _, metric := range []string{"otel_sdk_processor_" + signal + "_processed_total", "otel_sdk_exporter_" + signal + "_exported_total"} {
			expectInRules(t, metric)
			dropped += m.sum(metric, func(labels map[string]string) bool { return labels["error_type"] != "" })
		}
		t.Logf("of %d requests, %.0f have no %s at the collector; api counts %.0f as dropped", len(callers), missing[signal], signal, dropped)
		if missing[signal] > dropped {
			t.Errorf("%.0f requests have no %s, and %.0f are counted as dropped", missing[signal], signal, dropped)
		}
	}
}

// expectInRules looks for a metric in the rules of alerts.
func expectInRules(t *testing.T, metric string) {
	t.Helper()
	for _, g := range shipped.Groups(t) {
		for _, rule := range g.Rules {
			if rule.Alert != "" && strings.Contains(rule.Expr, metric) {
				return
			}
		}
	}
	t.Errorf("no alert reads %s", metric)
}

// lost are the collector's counters of loss, which are not there before their first event.
func (s *system) lost(t *testing.T) map[string]float64 {
	t.Helper()
	m, err := scrape(t.Context(), s.url("otel-collector", 8888))
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, metric := range lost {
		expectInRules(t, metric)
		counted[metric] = m.sum(metric, nil)
	}
	return counted
}

func (s *system) expectNothingLost(t *testing.T) {
	t.Helper()
	counted := s.lost(t)
	maps.DeleteFunc(counted, func(_ string, n float64) bool { return n == 0 })
	if len(counted) > 0 {
		t.Errorf("the collector counts as lost: %v", counted)
	}
}

// expectLines waits for exactly so many lines of a service to be in Loki; there may be more of them meanwhile.
func (s *system) expectLines(t *testing.T, service string, want func() int) {
	t.Helper()
	eventually(t, "Loki", func(ctx context.Context) error {
		var data struct{ Result []sample }
		if err := query(ctx, s.url("loki", 3100)+"/loki/api/v1/query", url.Values{"query": {fmt.Sprintf(`sum(count_over_time({service_name=%q}[1h]))`, service)}}, &data); err != nil {
			return err
		}
		if n := want(); len(data.Result) == 0 || data.Result[0].Value[1] != strconv.Itoa(n) {
			return fmt.Errorf("it has %v lines of %s, want %d", data.Result, service, n)
		}
		return nil
	})
}

func exactly(n int) func() int { return func() int { return n } }

func countLines(logs []otlpsink.Log, service string) int {
	n := 0
	for _, l := range logs {
		if l.Service == service {
			n++
		}
	}
	return n
}

// expectWhole waits for so many spans of the traces to be in Tempo.
func (s *system) expectWhole(t *testing.T, traceIDs []string, want int) {
	t.Helper()
	eventually(t, "Tempo", func(ctx context.Context) error {
		spans := 0
		for _, id := range traceIDs {
			trace, err := s.trace(ctx, id)
			if err != nil {
				return err
			}
			spans += len(trace.Spans)
		}
		if spans != want {
			return fmt.Errorf("it has %d spans, want %d", spans, want)
		}
		return nil
	})
}

var (
	highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)
	sizes     = map[string]uint64{"m": 1 << 20, "g": 1 << 30}
)

// expectWithinLimit compares the most memory that a service had with the limit of its container.
func (s *system) expectWithinLimit(t *testing.T, service string, p *program) {
	t.Helper()
	var compose struct {
		Services map[string]struct {
			Limit string `yaml:"mem_limit"`
		}
	}
	shipped.YAML(t, "../../../docker-compose.prod.yml", &compose)
	text := compose.Services[service].Limit
	limit, err := strconv.ParseUint(text[:len(text)-1], 10, 64)
	if err != nil {
		t.Fatalf("the limit %q: %v", text, err)
	}
	limit *= sizes[text[len(text)-1:]]
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	m := highWater.FindSubmatch(state)
	if m == nil {
		t.Fatalf("no VmHWM in\n%s", state)
	}
	most, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	most <<= 10
	t.Logf("%s had at most %d MiB, of %s", service, most>>20, text)
	if most > limit {
		t.Errorf("%s had %d bytes, its container gets %d", service, most, limit)
	}
}

// send sends spans and log records in one export each, all of them with the text, and returns the traces' IDs.
func (o otlp) send(t *testing.T, service string, items int, content string) []string {
	t.Helper()
	const perTrace = 50 // A trace has a limit of its own.
	spans, records := make([]*tracepb.Span, items), make([]*logspb.LogRecord, items)
	var traceIDs []string
	now := time.Now()
	var c caller
	for i := range items {
		if i%perTrace == 0 {
			c = newCaller()
			traceIDs = append(traceIDs, c.traceID)
		}
		at := nanos(now.Add(time.Duration(i))) // Loki takes equal lines of one moment for the same.
		spans[i] = &tracepb.Span{
			TraceId: unhex(t, c.traceID), SpanId: unhex(t, newCaller().spanID), Name: "sent", StartTimeUnixNano: at, EndTimeUnixNano: at + 1,
			Attributes: []*common.KeyValue{text("content", content)},
		}
		records[i] = &logspb.LogRecord{TimeUnixNano: at, Body: text("", "sent").GetValue(), Attributes: []*common.KeyValue{text("content", content)}}
	}
	o.export(t, service, spans, records)
	return traceIDs
}

// sendRefused sends items of which the stores take all but one: a trace larger than a trace may be, and a line that is too old.
func (o otlp) sendRefused(t *testing.T, service string, items int) {
	t.Helper()
	now := time.Now()
	records := []*logspb.LogRecord{{TimeUnixNano: nanos(now.AddDate(0, -1, 0)), Body: text("", "old").GetValue()}}
	for i := range items {
		records = append(records, &logspb.LogRecord{TimeUnixNano: nanos(now.Add(time.Duration(i))), Body: text("", "new").GetValue()})
	}
	var spans []*tracepb.Span
	for c, at := newCaller(), nanos(now); len(spans) < 1000; {
		spans = append(spans, &tracepb.Span{
			TraceId: unhex(t, c.traceID), SpanId: unhex(t, newCaller().spanID), Name: "of a large trace", StartTimeUnixNano: at, EndTimeUnixNano: at + 1,
			Attributes: []*common.KeyValue{text("content", strings.Repeat("large ", 1300))},
		})
	}
	o.export(t, service, spans, records)
}

func (o otlp) export(t *testing.T, service string, spans []*tracepb.Span, records []*logspb.LogRecord) {
	t.Helper()
	from := &resource.Resource{Attributes: []*common.KeyValue{text("service.name", service)}}
	if _, err := o.traces.Export(t.Context(), &collectortrace.ExportTraceServiceRequest{
		ResourceSpans: []*tracepb.ResourceSpans{{Resource: from, ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.logs.Export(t.Context(), &collectorlogs.ExportLogsServiceRequest{
		ResourceLogs: []*logspb.ResourceLogs{{Resource: from, ScopeLogs: []*logspb.ScopeLogs{{LogRecords: records}}}},
	}); err != nil {
		t.Fatal(err)
	}
}
