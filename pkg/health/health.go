// Package health serves the probes of a service: alive, ready, and the detailed report. Their texts hold no secret and
// nothing that a driver said.
package health

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Check tells whether something that the service can't do without is there. Its error is not shown.
type Check func(ctx context.Context) error

// Reporter is a service's health.
type Reporter struct {
	// Version and Commit are those that the program was built with.
	Version, Commit string
	// Serving is false before the service has started and once it drains.
	Serving func() bool
	// Checks by name. The database's is "database".
	Checks map[string]Check
	// Detail adds what only this service has to the detailed report; may be nil.
	Detail func() map[string]any

	started time.Time
	last    atomic.Pointer[bool] // what the last readiness probe was told
}

// How long a check may take. It must stay below a probe's own timeout, which is seldom under 3 s.
const checkTimeout = 2 * time.Second

// New makes a reporter; its uptime begins now.
func New(version, commit string, serving func() bool, checks map[string]Check) *Reporter {
	return &Reporter{Version: version, Commit: commit, Serving: serving, Checks: checks, started: time.Now()}
}

// Instrument exports what the last readiness probe was told. A scrape asks nothing itself: it must not wait for a database.
func (h *Reporter) Instrument(m metric.Meter) error {
	in := instrument.From(m)
	in.Gauge(driftconv.Ready, func(_ context.Context, o metric.Int64Observer) error {
		switch last := h.last.Load(); {
		case last == nil: // No probe has asked.
		case *last:
			o.Observe(1)
		default:
			o.Observe(0)
		}
		return nil
	})
	return in.Err()
}

type checkResult struct {
	Status          string  `json:"status"`
	QueryDurationMs float64 `json:"queryDurationMs,omitempty"`
}

const (
	up   = "up"
	down = "down"
)

// Live answers 200 as long as the process can answer at all. It checks nothing else: a restart would not bring a
// database back.
func (h *Reporter) Live(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"status": "alive", "timestamp": rest.Time(time.Now())})
}

// Ready answers 200 when requests can be served, else 503.
func (h *Reporter) Ready(w http.ResponseWriter, r *http.Request) {
	results, ok := h.run(r.Context())
	h.last.Store(&ok)
	checks := map[string]any{"timestamp": rest.Time(time.Now())}
	for name, result := range results {
		checks[name] = result
	}
	status, code := "ready", http.StatusOK
	if !ok {
		status, code = "not_ready", http.StatusServiceUnavailable
	}
	write(w, code, map[string]any{"status": status, "checks": checks})
}

// Detailed answers 200 with what a person wants to know first, however healthy the service is.
func (h *Reporter) Detailed(w http.ResponseWriter, r *http.Request) {
	results, ok := h.run(r.Context())
	status := "healthy"
	if !ok {
		status = "unhealthy"
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	report := map[string]any{
		"status":    status,
		"timestamp": rest.Time(time.Now()),
		"uptime":    time.Since(h.started).Seconds(),
		"version":   h.Version,
		"checks":    results,
		"memory": map[string]float64{
			"heapUsedMB": megabytes(mem.HeapAlloc), "heapTotalMB": megabytes(mem.HeapSys), "rssMB": megabytes(residentSize(mem)),
		},
		"goroutines": runtime.NumGoroutine(),
		"build":      map[string]string{"commit": h.Commit, "go": goVersion()},
	}
	if h.Detail != nil {
		maps.Copy(report, h.Detail())
	}
	write(w, http.StatusOK, report)
}

func (h *Reporter) run(ctx context.Context) (map[string]checkResult, bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make(map[string]checkResult, len(h.Checks)+1)
	ok := h.Serving()
	results["service"] = checkResult{Status: statusOf(ok)}
	for name, check := range h.Checks {
		start := time.Now()
		err := check(ctx)
		results[name] = checkResult{Status: statusOf(err == nil), QueryDurationMs: float64(time.Since(start).Microseconds()) / 1000}
		ok = ok && err == nil
	}
	return results, ok
}

func statusOf(ok bool) string {
	if ok {
		return up
	}
	return down
}

func megabytes(bytes uint64) float64 { return float64(bytes/1024*10/1024) / 10 }

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return runtime.Version()
}

func write(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // Maps of plain values: this can't fail.
	}
	rest.Raw(w, status, encoded)
}
