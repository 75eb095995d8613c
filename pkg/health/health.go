// Package health serves the probes of a service: alive, ready, and the detailed report. Their texts contain no secret and
// no text of a driver.
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

// Check reports whether a part that the service depends on is available. Its error is not shown.
type Check func(ctx context.Context) error

// Probes respond with the health of a process.
type Probes struct {
	// Version and Commit are those that the program was built with.
	Version, Commit string
	// Serving is false before the service has started and once it drains.
	Serving func() bool
	// Checks by name. The database's is "database".
	Checks map[string]Check
	// Detail adds values that only this service has to the detailed report; may be nil.
	Detail func() map[string]any

	started time.Time
	last    atomic.Pointer[bool] // the response to the last readiness probe: ready or not

	// All probes within a second share one run of the checks, and one report: anyone may probe, each run queries the database, and
	// each report stops the program for a moment.
	turn    chan struct{} // holds one item, for the goroutine that runs the checks or makes the report, or reads them
	checked time.Time
	results map[string]checkResult
	// What the detailed report has beside the checks.
	reported time.Time
	report   map[string]any
}

// How long a check may take. It must stay below a probe's own timeout, which is seldom under 3 s.
const checkTimeout = 2 * time.Second

// checkInterval is how long the result of a check holds.
const checkInterval = time.Second

// New makes a reporter; its uptime begins now.
func New(version, commit string, serving func() bool, checks map[string]Check) *Probes {
	return &Probes{Version: version, Commit: commit, Serving: serving, Checks: checks, started: time.Now(), turn: make(chan struct{}, 1)}
}

// Instrument exports the result of the last readiness probe. A scrape runs no check itself: it must not wait for a database.
func (h *Probes) Instrument(m metric.Meter) error {
	in := instrument.From(m)
	in.Gauge(driftconv.Ready, func(_ context.Context, o metric.Int64Observer) error {
		switch last := h.last.Load(); {
		case last == nil: // There was no probe yet.
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

// Live responds with 200 as long as the process can respond at all. It checks nothing else: a restart would not bring a
// database back.
func (h *Probes) Live(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"status": "alive", "timestamp": rest.Time(time.Now())})
}

// Ready responds with 200 if requests can be served, else with 503.
func (h *Probes) Ready(w http.ResponseWriter, r *http.Request) {
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

// Detailed responds with 200 and the most useful facts for a person, even if the service is unhealthy.
func (h *Probes) Detailed(w http.ResponseWriter, r *http.Request) {
	results, ok := h.run(r.Context())
	status := "healthy"
	if !ok {
		status = "unhealthy"
	}
	report := map[string]any{
		"status":    status,
		"timestamp": rest.Time(time.Now()),
		"uptime":    time.Since(h.started).Seconds(),
		"version":   h.Version,
		"checks":    results,
	}
	maps.Copy(report, h.measure())
	write(w, http.StatusOK, report)
}

// measure gives what was measured within the last second, or measures. The result must not be changed.
func (h *Probes) measure() map[string]any {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if h.report != nil && time.Since(h.reported) < checkInterval {
		return h.report
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	report := map[string]any{
		"memory": map[string]float64{
			"heapUsedMB": megabytes(mem.HeapAlloc), "heapTotalMB": megabytes(mem.HeapSys), "rssMB": megabytes(residentSize(mem)),
		},
		"goroutines": runtime.NumGoroutine(),
		"build":      map[string]string{"commit": h.Commit, "go": goVersion()},
	}
	if h.Detail != nil {
		maps.Copy(report, h.Detail())
	}
	h.report, h.reported = report, time.Now()
	return report
}

// run gives the result of each check, and whether all is well. Whether the service is serving is never old.
func (h *Probes) run(ctx context.Context) (map[string]checkResult, bool) {
	ok := h.Serving()
	results := map[string]checkResult{"service": {Status: statusOf(ok)}}
	for name, result := range h.check(ctx) {
		results[name] = result
		ok = ok && result.Status == up
	}
	return results, ok
}

// check gives the results of the last second, or new ones. The result must not be changed. A probe that comes during the
// run waits for it; one that ends early does not end the run, which others wait for.
func (h *Probes) check(ctx context.Context) map[string]checkResult {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	if h.results != nil && time.Since(h.checked) < checkInterval {
		return h.results
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	results := make(map[string]checkResult, len(h.Checks))
	for name, check := range h.Checks {
		start := time.Now()
		err := check(ctx)
		results[name] = checkResult{Status: statusOf(err == nil), QueryDurationMs: float64(time.Since(start).Microseconds()) / 1000}
	}
	h.results, h.checked = results, time.Now()
	return results
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
