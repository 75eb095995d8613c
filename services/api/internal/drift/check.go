package drift

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// CheckStatus is what one look at a workspace said.
type CheckStatus string

// The statuses of a check.
const (
	CheckOK      CheckStatus = "ok"
	CheckDrifted CheckStatus = "drifted" // a drift that plans found is open
	CheckErrored CheckStatus = "failed"  // the plan says that it errored
)

// Check is one look at a workspace.
type Check struct {
	ID               uuid.UUID
	AccountID        uuid.UUID
	WorkspaceID      uuid.UUID
	Workspace        string
	Status           CheckStatus
	Stale            bool // older than the last one: it changed nothing
	Counts           event.Counts
	FormatVersion    string
	TerraformVersion string     // empty when the plan does not say
	PlanTimestamp    *time.Time // nil when the plan has none
	BodyHash         []byte     // of the plan and the options it came with
	Response         []byte     // what Upload.Encode made of the result: a repeated upload gets it again
	Actor            string     // a user's email, or an API key's name
	TraceID          string
	CreatedAt        time.Time
}

// WorkspaceState is what a check needs to know, and to write, about its workspace.
type WorkspaceState struct {
	ID                uuid.UUID
	LastPlanTimestamp *time.Time // the newest plan's own
	LastCheckID       *uuid.UUID
	LastCheckAt       *time.Time
	LastCheckStatus   *CheckStatus
}

// CheckTx writes checks and their workspaces.
type CheckTx interface {
	// LockWorkspace creates the workspace when it is new, and keeps all others out of it until the end.
	LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*WorkspaceState, error)
	// FirstResponse is the response to an earlier upload of the same body, nil when there was none.
	FirstResponse(ctx context.Context, workspace uuid.UUID, bodyHash []byte) ([]byte, error)
	InsertCheck(ctx context.Context, c *Check) error
	SaveWorkspace(ctx context.Context, w *WorkspaceState) error
}

// newCheck begins a check. Its status and its counts are decided when the plan has been compared with the open drifts.
func newCheck(ctx context.Context, w *work, p identity.Principal, u Upload, read *plan.Plan, workspace *WorkspaceState, bodyHash []byte) *Check {
	return &Check{
		ID: uid.New(), AccountID: w.account, WorkspaceID: workspace.ID, Workspace: u.Workspace,
		Stale:         workspace.isAhead(read.Timestamp),
		FormatVersion: read.FormatVersion, TerraformVersion: read.TerraformVersion, PlanTimestamp: read.Timestamp,
		BodyHash: bodyHash, Actor: cmp.Or(p.Email, p.KeyName), TraceID: telemetry.TraceID(ctx), CreatedAt: w.now,
	}
}

// conclude decides what the check says.
func (c *Check) conclude(read *plan.Plan, r *reconciliation) {
	c.Counts = r.counts()
	switch {
	case read.Errored:
		c.Status = CheckErrored
	case len(read.Changes) > 0, r.leavesOpen(): // Also a drift that an incomplete plan did not show.
		c.Status = CheckDrifted
	default:
		c.Status = CheckOK
	}
}

// isAhead reports whether the workspace has had a newer plan. What is stored has microseconds, and is compared with such.
func (ws *WorkspaceState) isAhead(timestamp *time.Time) bool {
	return timestamp != nil && ws.LastPlanTimestamp != nil && timestamp.Truncate(time.Microsecond).Before(*ws.LastPlanTimestamp)
}

// note writes the check on its workspace. A plan with a time in the future must not make every later one stale.
func (ws *WorkspaceState) note(c *Check, now time.Time) {
	ws.LastCheckID, ws.LastCheckAt, ws.LastCheckStatus = &c.ID, &now, &c.Status
	if c.PlanTimestamp == nil {
		return
	}
	t := *c.PlanTimestamp
	if t.After(now) {
		t = now
	}
	ws.LastPlanTimestamp = &t
}
