//go:build stack

package stack

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// TestRestarts restarts the stores and the collector while requests go on. Every span and log line that the collector
// had acknowledged must be in the stores afterwards. If it is killed, Tempo may lose only the data that it held in memory.
//
// Checked by breaking it: with the collector's queues in memory instead of on disk, spans are missing.
func TestRestarts(t *testing.T) {
	var r recorder
	s := start(t, options{between: func(collector string) string { return record(t, &r, collector) }, extra: []string{"RATE_LIMIT_REQUESTS=1000000"}})
	j := s.work(t)

	t.Run("Tempo flushed and stopped, Loki, and the collector while Tempo is away", func(t *testing.T) {
		callers := s.during(t, j, func(wave func()) {
			if _, err := get(t.Context(), s.url("tempo", 3200)+"/flush"); err != nil {
				t.Error(err)
			}
			s.tempo.stop(t)
			wave()
			s.tempo.again(t)
			s.ready(t, s.tempo)
			wave()
			s.loki.stop(t)
			wave()
			s.loki.again(t)
			s.ready(t, s.loki)
			wave()
			s.tempo.stop(t)
			wave()
		})
		s.arrived(t, &r)
		s.collector.stop(t) // With a queue for Tempo on its disk.
		s.collector.again(t)
		s.ready(t, s.collector)
		s.tempo.again(t)
		s.ready(t, s.tempo)
		for _, c := range callers {
			if _, ok := r.Trace(c.traceID); !ok {
				t.Errorf("the trace %s never reached the collector", c.traceID)
			}
		}
		s.expectSpans(t, r.Traces())
		s.expectLogs(t, r.Logs())
		t.Logf("%d requests; %d spans and %d log lines, all there", len(callers), len(r.Spans()), len(r.Logs()))
	})

	t.Run("Tempo and Loki killed", func(t *testing.T) {
		settled := r.Traces()
		s.expect(t, `sum(tempo_ingester_live_traces) == 0`) // All of it is in the write-ahead log.
		s.during(t, j, func(wave func()) {
			wave()
			s.tempo.Kill()
			s.loki.Kill()
			wave()
			s.tempo.again(t)
			s.loki.again(t)
			s.ready(t, s.tempo)
			s.ready(t, s.loki)
			wave()
		})
		s.arrived(t, &r)
		s.expectSpans(t, settled)
		s.expectLogs(t, r.Logs())
		s.drained(t)
		missing, all := 0, 0
		for _, trace := range r.Traces() {
			all += len(trace.Spans)
			missing += s.missing(t.Context(), trace)
		}
		t.Logf("%d of %d spans since the last write are lost, and no log line", missing, all-count(settled))
		if missing == all-count(settled) {
			t.Error("what came after the start is lost, too")
		}
	})
}

// during sends requests from two clients until do has ended, and returns their callers. wave waits for some more
// responses.
func (s *system) during(t *testing.T, j job, do func(wave func())) []caller {
	t.Helper()
	const most = 2000
	var (
		mu      sync.Mutex
		callers []caller
		clients sync.WaitGroup
	)
	answered := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	for range 2 {
		clients.Go(func() {
			for range most {
				c := newCaller()
				j.look(t, c)
				mu.Lock()
				callers = append(callers, c)
				mu.Unlock()
				select {
				case answered <- struct{}{}: // A caller waits for a wave.
				case <-ctx.Done():
					return
				case <-time.After(pollInterval): // The pace of the others.
				}
			}
		})
	}
	do(func() {
		for range 100 {
			<-answered
		}
	})
	stop()
	clients.Wait()
	return callers
}

// arrived waits until the services have nothing left to send.
func (s *system) arrived(t *testing.T, r *recorder) {
	t.Helper()
	eventually(t, "the services' queues", func(ctx context.Context) error {
		before := r.Counts()
		for _, name := range []string{"api", "realtime"} {
			m, err := scrape(ctx, s.url(name, 9090))
			if err != nil {
				return err
			}
			waiting := m.sum("otel_sdk_processor_span_queue_size", nil) + m.sum("otel_sdk_processor_log_queue_size", nil) +
				m.sum("otel_sdk_exporter_span_inflight", nil) + m.sum("otel_sdk_exporter_log_inflight", nil)
			if waiting > 0 {
				return fmt.Errorf("%v items wait in %s", waiting, name)
			}
		}
		if after := r.Counts(); after != before {
			return fmt.Errorf("still arriving: %v, then %v", before, after)
		}
		return nil
	})
}

// drained waits until the collector has delivered all that it took.
func (s *system) drained(t *testing.T) {
	t.Helper()
	eventually(t, "the collector's queues", func(ctx context.Context) error {
		m, err := scrape(ctx, s.url("otel-collector", 8888))
		if err == nil && m.sum("otelcol_exporter_queue_size", nil) > 0 {
			err = fmt.Errorf("%v items wait", m.sum("otelcol_exporter_queue_size", nil))
		}
		return err
	})
}

// expectSpans waits for every span of the traces to be in Tempo.
func (s *system) expectSpans(t *testing.T, traces []otlpsink.Trace) {
	t.Helper()
	for _, trace := range traces {
		eventually(t, "Tempo after its restart", func(ctx context.Context) error {
			if missing := s.missing(ctx, trace); missing > 0 {
				return fmt.Errorf("%d of %d spans of %s are missing", missing, len(trace.Spans), trace.ID)
			}
			return nil
		})
	}
}

// missing is how many spans of a trace Tempo does not have.
func (s *system) missing(ctx context.Context, trace otlpsink.Trace) int {
	there := map[string]bool{}
	if found, err := s.trace(ctx, trace.ID); err == nil {
		for _, span := range found.Spans {
			there[span.SpanID] = true
		}
	}
	missing := 0
	for _, span := range trace.Spans {
		if !there[span.SpanID] {
			missing++
		}
	}
	return missing
}

func count(traces []otlpsink.Trace) int {
	spans := 0
	for _, trace := range traces {
		spans += len(trace.Spans)
	}
	return spans
}

// expectLogs waits for every log line to be in Loki as often as it was sent.
func (s *system) expectLogs(t *testing.T, logs []otlpsink.Log) {
	t.Helper()
	eventually(t, "Loki after its restart", func(ctx context.Context) error {
		want := map[string]int{}
		services := map[string]bool{}
		for _, l := range logs {
			want[strconv.FormatUint(nanos(l.Time), 10)+l.TraceID+l.Body]++
			services[l.Service] = true
		}
		for service := range services {
			lines, err := s.allLogs(ctx, service)
			if err != nil {
				return err
			}
			for _, l := range lines {
				want[l.at+l.labels["trace_id"]+l.text]--
			}
		}
		missing := 0
		for _, n := range want {
			missing += max(n, 0)
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d lines are missing", missing, len(logs))
		}
		return nil
	})
}

// allLogs are the lines of a service, which must fit into one response.
func (s *system) allLogs(ctx context.Context, service string) ([]logLine, error) {
	lines, err := s.logs(ctx, fmt.Sprintf("{service_name=%q}", service))
	if err == nil && len(lines) == mostLines {
		err = fmt.Errorf("%s has more than %d lines", service, mostLines)
	}
	return lines, err
}
