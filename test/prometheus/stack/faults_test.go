//go:build stack

package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	// exchanges are those that each side of a comparison makes.
	exchanges = 2000
	// noise is how many times slower than the healthy api's the median of the other one may be. Both run at the same
	// time on the same machine, and their requests alternate.
	noise = 3
	// spare is how much more memory the other one may hold: full queues of spans and lines.
	spare = 64 << 20
)

// TestHarmless runs an api whose telemetry is stuck beside one whose telemetry is well. Requests to them alternate:
// none fails, none takes longer than noise allows, memory stays bounded, drops are counted, and once the fault is over
// new telemetry flows.
//
// Checked by breaking it: with the writer of log lines made to wait instead of dropping, the last case fails.
func TestHarmless(t *testing.T) {
	s := start(t, options{extra: []string{"RATE_LIMIT_REQUESTS=1000000"}})
	j := s.work(t)
	for name, c := range map[string]condition{"collector stopped": stopped, "collector hung": hung, "collector slow": slow} {
		t.Run(name, func(t *testing.T) {
			network := startLink(t, s.address("otel-collector", 4317))
			v := s.victim(t, j, nil, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+network.address)
			s.expectFlow(t, v)
			network.set(c)
			v.compare(t, j)
			v.expectDropped(t, "otel_sdk_processor_span_processed_total", "otel_sdk_exporter_span_exported_total",
				"otel_sdk_processor_log_processed_total", "otel_sdk_exporter_log_exported_total")
			network.set(healthy)
			s.expectFlow(t, v)
		})
	}
	t.Run("a standard output that is not read", func(t *testing.T) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = read.Close() })
		v := s.victim(t, j, write)
		v.compare(t, j)
		v.expectDropped(t, "telemetry_log_dropped_total")
		s.expectFlow(t, v) // By OTLP all the while.

		seen, err := os.Create(s.path("victim.out"))
		if err != nil {
			t.Fatal(err)
		}
		defer seen.Close()
		go func() { _, _ = io.Copy(seen, read) }() // Until the victim has ended.
		c := newCaller()
		v.look(t, c)
		eventually(t, "lines come again", func(context.Context) error {
			content, err := os.ReadFile(seen.Name())
			if err == nil && !bytes.Contains(content, []byte(c.traceID)) {
				err = fmt.Errorf("the line of %s is not on standard output", c.traceID)
			}
			return err
		})
	})
}

// victim is a second api on the same database.
type victim struct {
	job
	*program
	metrics, healthyMetrics string
}

// victim starts it. Its standard output goes to out, or to a file.
func (s *system) victim(t *testing.T, j job, out io.WriteCloser, environ ...string) victim {
	t.Helper()
	o := &overlay{t: t, dir: s.dir, ports: map[string]int{}}
	v := victim{job: j, metrics: o.url("api", 9090), healthyMetrics: s.url("api", 9090)}
	v.base = o.url("api", 3001)
	environ = append(append(slices.Clone(s.environ), fmt.Sprintf("PORT=%d", o.port("api", 3001)), fmt.Sprintf("METRICS_PORT=%d", o.port("api", 9090))), environ...)
	v.program = runTo(t, out, s.dir, "victim", environ, s.program("api"), "serve")
	awaitOK(t, v.program, v.base+"/health/ready")
	return v
}

// compare sends requests to the healthy api and to the victim in turn.
func (v victim) compare(t *testing.T, j job) {
	t.Helper()
	type side struct {
		job
		took   []time.Duration
		failed int
	}
	sides := []*side{{job: j}, {job: v.job}}
	var (
		mu      sync.Mutex
		clients sync.WaitGroup
	)
	for range 4 {
		clients.Go(func() {
			for range exchanges / 4 {
				for _, side := range sides {
					began := time.Now()
					status, err := side.status(t.Context(), "/api/v1/drifts/"+j.drift, newCaller())
					took := time.Since(began)
					mu.Lock()
					side.took = append(side.took, took)
					if err != nil || status != http.StatusOK {
						side.failed++
					}
					mu.Unlock()
				}
			}
		})
	}
	clients.Wait()
	healthy, faulty := sides[0], sides[1]
	for _, side := range sides {
		slices.Sort(side.took)
	}
	at := func(side *side, share float64) time.Duration { return side.took[int(share*float64(len(side.took)-1))] }
	memory := func(address string) float64 {
		m, err := scrape(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		return m.sum("process_resident_memory_bytes", nil)
	}
	healthyMemory, faultyMemory := memory(v.healthyMetrics), memory(v.metrics)
	t.Logf("median %v beside %v (%.2f times), 99th percentile %v beside %v, memory %.0f MiB beside %.0f MiB",
		at(faulty, 0.5), at(healthy, 0.5), float64(at(faulty, 0.5))/float64(at(healthy, 0.5)), at(faulty, 0.99), at(healthy, 0.99), faultyMemory/(1<<20), healthyMemory/(1<<20))
	if healthy.failed+faulty.failed > 0 {
		t.Errorf("%d requests failed, and %d of the healthy api", faulty.failed, healthy.failed)
	}
	if at(faulty, 0.5) > noise*at(healthy, 0.5) {
		t.Errorf("a request takes %v, and %v while telemetry is well", at(faulty, 0.5), at(healthy, 0.5))
	}
	if faultyMemory > healthyMemory+spare {
		t.Errorf("it holds %.0f bytes, and the healthy api %.0f", faultyMemory, healthyMemory)
	}
}

// expectDropped sends requests until one of the counters has counted something that was dropped.
func (v victim) expectDropped(t *testing.T, counters ...string) {
	t.Helper()
	eventually(t, "dropped telemetry is counted", func(ctx context.Context) error {
		for range 100 {
			v.look(t, newCaller())
		}
		m, err := scrape(ctx, v.metrics)
		if err != nil {
			return err
		}
		dropped := 0.0
		for _, name := range counters {
			dropped += m.sum(name, func(labels map[string]string) bool { return labels["error_type"] != "" || labels["output"] != "" })
		}
		if dropped == 0 {
			return fmt.Errorf("%v count nothing", counters)
		}
		t.Logf("%.0f dropped", dropped)
		return nil
	})
}

// expectFlow waits for a new request's trace and line to be in the stores.
func (s *system) expectFlow(t *testing.T, v victim) {
	t.Helper()
	eventually(t, "new telemetry flows", func(ctx context.Context) error {
		c := newCaller() // Those of before may have been dropped.
		v.look(t, c)
		return s.stored(ctx, c)
	})
}

// stored gives the spans and lines of a request some seconds to get to the stores.
func (s *system) stored(ctx context.Context, c caller) error {
	ctx, cancel := context.WithTimeout(ctx, patience/24)
	defer cancel()
	for {
		_, err := s.trace(ctx, c.traceID)
		if err == nil {
			_, err = s.logs(ctx, fmt.Sprintf(`{service_name="driftsentry-api"} | trace_id=%q`, c.traceID))
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollInterval):
		}
	}
}
