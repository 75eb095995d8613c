package drift

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// censusInterval is how often the workspaces are counted, and censusTimeout how long that may take.
const (
	censusInterval = 30 * time.Second
	censusTimeout  = 5 * time.Second
)

// Monitor counts the workspaces of all accounts by status, apart from the scrapes that ask for the number: a scrape must
// never wait for the database. When counting fails there is no number, since an old one would look like a good one.
type Monitor struct {
	store      Reports
	staleAfter time.Duration
	log        *slog.Logger
	counts     atomic.Pointer[map[WorkspaceStatus]int]
}

// NewMonitor makes the monitor; Run runs it.
func NewMonitor(store Reports, staleAfter time.Duration, t Telemetry) (*Monitor, error) {
	m := &Monitor{store: store, staleAfter: staleAfter, log: t.Logger()}
	in := instrument.From(t.Meter())
	in.Gauge(driftconv.Workspaces, func(_ context.Context, o metric.Int64Observer) error {
		if counts := m.counts.Load(); counts != nil {
			for _, status := range workspaceStatuses {
				o.Observe(int64((*counts)[status]), label("status", string(status)))
			}
		}
		return nil
	})
	return m, in.Err()
}

// Run counts now and then every half minute, until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(censusInterval)
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
	ctx, cancel := context.WithTimeout(ctx, censusTimeout)
	defer cancel()
	counts, err := m.store.WorkspaceCounts(ctx, time.Now().Add(-m.staleAfter))
	if err != nil {
		m.counts.Store(nil)
		m.log.LogAttrs(ctx, slog.LevelDebug, "workspaces were not counted", slog.String("error.message", err.Error()))
		return
	}
	m.counts.Store(&counts)
}
