package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/driftsentry/driftsentry/pkg/health"
)

func TestProbes(t *testing.T) {
	serving, database := true, error(nil)
	reporter := func() *health.Probes {
		h := health.New("1.2.3", "abc", func() bool { return serving }, map[string]health.Check{
			"database": func(context.Context) error { return database },
		})
		h.Detail = func() map[string]any { return map[string]any{"connections": 7} }
		return h
	}

	ask := func(t *testing.T, handler http.HandlerFunc) (int, map[string]any, string) {
		t.Helper()
		w := httptest.NewRecorder()
		handler(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", http.NoBody))
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		return w.Code, body, w.Body.String()
	}

	t.Run("all is well", func(t *testing.T) {
		h := reporter()
		if code, body, _ := ask(t, h.Live); code != 200 || body["status"] != "alive" || body["timestamp"] == nil {
			t.Errorf("live: %d %v", code, body)
		}
		code, body, _ := ask(t, h.Ready)
		checks, _ := body["checks"].(map[string]any)
		if code != 200 || body["status"] != "ready" || checks["database"] == nil || checks["timestamp"] == nil {
			t.Errorf("ready: %d %v", code, body)
		}
		code, body, _ = ask(t, h.Detailed)
		memory, _ := body["memory"].(map[string]any)
		if code != 200 || body["status"] != "healthy" || body["version"] != "1.2.3" || body["connections"] != 7.0 || memory["rssMB"] == 0.0 {
			t.Errorf("detailed: %d %v", code, body)
		}
	})
	t.Run("the database is gone: not ready, alive, and the driver's text is not shown", func(t *testing.T) {
		database = errors.New("password authentication failed for user root at 10.1.2.3")
		defer func() { database = nil }()
		h := reporter()
		if code, body, text := ask(t, h.Ready); code != 503 || body["status"] != "not_ready" || strings.Contains(text, "10.1.2.3") {
			t.Errorf("ready: %d %s", code, text)
		}
		if code, body, text := ask(t, h.Detailed); code != 200 || body["status"] != "unhealthy" || strings.Contains(text, "10.1.2.3") {
			t.Errorf("detailed: %d %s", code, text)
		}
		if code, _, _ := ask(t, h.Live); code != 200 {
			t.Errorf("live: %d", code)
		}
	})
	t.Run("draining: not ready, alive", func(t *testing.T) {
		h := reporter()
		if code, _, _ := ask(t, h.Ready); code != 200 {
			t.Errorf("before: %d", code)
		}
		serving = false // which shows at once, however new the last check is
		defer func() { serving = true }()
		if code, body, _ := ask(t, h.Ready); code != 503 || body["status"] != "not_ready" {
			t.Errorf("ready: %d %v", code, body)
		}
		if code, _, _ := ask(t, h.Live); code != 200 {
			t.Errorf("live: %d", code)
		}
	})
}

// Prometheus gets the result of the last probe, and no value before the first one.
func TestProbes_Instrument(t *testing.T) {
	ready := true
	h := health.New("", "", func() bool { return ready }, nil)
	reader := sdkmetric.NewManualReader()
	if err := h.Instrument(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")); err != nil {
		t.Fatal(err)
	}
	values := func() (list []int64) {
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, point := range m.Data.(metricdata.Gauge[int64]).DataPoints {
					list = append(list, point.Value)
				}
			}
		}
		return list
	}
	if got := values(); len(got) != 0 {
		t.Errorf("before any probe: %v", got)
	}
	for want, state := range map[int64]bool{1: true, 0: false} {
		ready = state
		h.Ready(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health/ready", http.NoBody))
		if got := values(); !slices.Equal(got, []int64{want}) {
			t.Errorf("after a probe with the result ready=%v: %v", state, got)
		}
	}
}

// Anyone may probe, each check is a query, and each detailed report stops the program for a moment. Mutations: Detailed runs the
// checks, or measures, each time.
func TestProbes_checks_once_a_second(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks, reports atomic.Int64
		h := health.New("", "", func() bool { return true }, map[string]health.Check{"database": func(ctx context.Context) error {
			checks.Add(1)
			select {
			case <-time.After(time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		h.Detail = func() map[string]any {
			reports.Add(1)
			return nil
		}
		burst := func() {
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if i%2 == 0 {
						cancel() // A probe that is gone ends no check.
					}
					probe := []http.HandlerFunc{h.Ready, h.Ready, h.Detailed, h.Detailed}[i%4]
					w := httptest.NewRecorder()
					probe(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/health/x", nil))
					if w.Code != http.StatusOK {
						t.Errorf("probe %d: %d %s", i, w.Code, w.Body)
					}
				})
			}
			wg.Wait()
		}
		for second := int64(1); second <= 3; second++ {
			burst()
			burst()
			if got := checks.Load(); got != second {
				t.Fatalf("%d checks in second %d", got, second)
			}
			if got := reports.Load(); got != second {
				t.Fatalf("%d reports in second %d", got, second)
			}
			<-time.After(time.Second)
		}
	})
}
