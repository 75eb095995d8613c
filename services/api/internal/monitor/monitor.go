// Package monitor says how the workspaces are: what the last check of each one said, as long as that was not too long ago.
// It lists an account's workspaces, and counts those of all accounts for the metrics.
package monitor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
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
	Stale   Status = "stale" // never checked, or too long ago: unknown is not fine
)

var statuses = []Status{OK, Drifted, Failed, Stale}

// Workspace is where plans come from.
type Workspace struct {
	Name        string
	Status      Status
	LastCheckAt *time.Time // nil when it was never checked
	OpenDrifts  int        // reported ones too
}

// Store is the database. A last check before staleBefore is stale.
type Store interface {
	// Workspaces are an account's, by name.
	Workspaces(ctx context.Context, account uuid.UUID, staleBefore time.Time) ([]Workspace, error)
	// WorkspaceCounts are of all accounts, by status.
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

// Monitor knows how the workspaces are. It counts them apart from the scrapes that ask for the number: a scrape must never
// wait for the database. When counting fails there is no number, since an old one would look like a good one.
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

// Workspaces are all of the account, by name.
func (m *Monitor) Workspaces(ctx context.Context, account uuid.UUID) ([]Workspace, error) {
	return m.store.Workspaces(ctx, account, m.staleBefore())
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
