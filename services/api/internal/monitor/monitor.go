// Package monitor reports the state of the workspaces: the result of the last check of each one, unless it is too old.
// It shows an account's workspaces and their checks, and counts the workspaces of all accounts for the metrics.
package monitor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Status is what the last check of a workspace said.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Drifted Status = "drifted"
	Failed  Status = "failed"
	Stale   Status = "stale" // never checked, or too long ago: its state is unknown
)

var statuses = []Status{OK, Drifted, Failed, Stale}

// Store is the database.
type Store interface {
	WorkspaceStore
	CheckStore
	// WorkspaceCounts are of all accounts, by status. A last check before staleBefore is stale.
	WorkspaceCounts(ctx context.Context, staleBefore time.Time) (map[Status]int, error)
}

// Telemetry is what the monitor reports to.
type Telemetry interface {
	Logger() *slog.Logger
	Meter() metric.Meter
}

// interval is how often the workspaces are counted, and timeout how long that may take.
const (
	interval = 30 * time.Second
	timeout  = 5 * time.Second
)

// Monitor counts the workspaces by status. It counts in the background, because a scrape must not wait for the database. If
// counting fails, the gauge has no value.
type Monitor struct {
	store      Store
	staleAfter time.Duration
	log        *slog.Logger
	counts     atomic.Pointer[map[Status]int]
}

// New makes the monitor; Run runs it. staleAfter is how old a workspace's last check may be before its status counts as
// unknown.
func New(store Store, staleAfter time.Duration, t Telemetry) (*Monitor, error) {
	m := &Monitor{store: store, staleAfter: staleAfter, log: t.Logger()}
	in := instrument.From(t.Meter())
	in.Gauge(driftconv.Workspaces, func(_ context.Context, o metric.Int64Observer) error {
		if counts := m.counts.Load(); counts != nil {
			for _, status := range statuses {
				o.Observe(int64((*counts)[status]), metric.WithAttributeSet(attribute.NewSet(attribute.String("status", string(status)))))
			}
		}
		return nil
	})
	return m, in.Err()
}

func (m *Monitor) staleBefore() time.Time { return time.Now().Add(-m.staleAfter) }

// Run counts at once and then every half minute, until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		m.Count(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Count counts once.
func (m *Monitor) Count(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	counts, err := m.store.WorkspaceCounts(ctx, m.staleBefore())
	if err != nil {
		m.counts.Store(nil)
		m.log.LogAttrs(ctx, slog.LevelDebug, "workspaces were not counted", slog.String("error.message", err.Error()))
		return
	}
	m.counts.Store(&counts)
}
