package monitor

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Workspace is where plans come from.
type Workspace struct {
	Name        string
	Status      Status
	LastCheckAt *time.Time // nil when it was never checked
	OpenDrifts  int        // reported ones too; without those that rules ignore
	Suppressed  int        // open drifts that rules ignore
	Owner       *string    // a team or a person; nil when not set
	Archived    bool       // not in use any more, so that it is not stale
}

// Detail is a workspace and what is known of it.
type Detail struct {
	Workspace
	drift.WorkspaceSettings
	CreatedAt time.Time
	// The open drifts by severity, and when the oldest of them was first seen; nil when none is open.
	Critical, Warning, Info int
	OldestOpenAt            *time.Time
	LastChecks
	Trend []Day // of the last TrendDays days, today's last
}

// LastChecks are the last check of a workspace that counts for its status, and the last one of these that did not fail; both
// nil when there was none.
type LastChecks struct{ Last, LastGood *drift.Check }

// Day is what happened in a workspace on a day, in UTC.
type Day struct {
	Date       string // 2006-01-02
	Checks     int    // without previews and stale ones
	Failed     int    // of these
	OpenDrifts int    // when the day ended, or now; without those that rules ignore now
}

// TrendDays is how far a workspace's trend looks back.
const TrendDays = 30

// WorkspaceStore reads the workspaces of an account. A last check before staleBefore is stale.
type WorkspaceStore interface {
	// Workspaces are the first ones that pass the filter, by name.
	Workspaces(ctx context.Context, account uuid.UUID, f WorkspaceFilter, limit int, staleBefore time.Time) ([]Workspace, error)
	// Workspace is one, without its checks and its trend; apierror.NotFound when there is none.
	Workspace(ctx context.Context, account uuid.UUID, name string, staleBefore time.Time) (*Detail, error)
	LastChecks(ctx context.Context, account uuid.UUID, workspace string) (LastChecks, error)
	// Trend has each day from first to today.
	Trend(ctx context.Context, account uuid.UUID, workspace string, first, today time.Time) ([]Day, error)
}

// WorkspaceFilter says which workspaces.
type WorkspaceFilter struct {
	After    string // only those whose names come after this one
	Archived *bool  // nil is both
}

// workspacesShown is how many workspaces are listed at once.
const workspacesShown = 2000

// Workspaces are those of the account that pass the filter, by name, and whether there are more.
func (m *Monitor) Workspaces(ctx context.Context, account uuid.UUID, f WorkspaceFilter) (workspaces []Workspace, more bool, err error) {
	workspaces, err = m.store.Workspaces(ctx, account, f, workspacesShown+1, m.staleBefore())
	more = len(workspaces) > workspacesShown
	return workspaces[:min(len(workspaces), workspacesShown)], more, err
}

// Workspace is one of the account's, with what is known of it.
func (m *Monitor) Workspace(ctx context.Context, account uuid.UUID, name string) (*Detail, error) {
	d, err := m.store.Workspace(ctx, account, name, m.staleBefore())
	if err != nil {
		return nil, err
	}
	if d.LastChecks, err = m.store.LastChecks(ctx, account, name); err != nil {
		return nil, err
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	d.Trend, err = m.store.Trend(ctx, account, name, today.AddDate(0, 0, 1-TrendDays), today)
	return d, err
}
