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
	CheckErrored CheckStatus = "failed"  // the plan says that it errored, or there is no plan that can be read
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
	Evidence         Evidence
	RootMismatch     bool // the plan is of another root than this workspace's earlier ones
	Purpose          Purpose
	Source           Source
	FailureReason    string       // of a failed check for which no plan came that says why
	LeftOut          plan.LeftOut // of the plan: what could not be read
	WrapperLines     int          // around the plan, which were skipped
	BodyHash         []byte       // of the plan and the options it came with
	Response         []byte       // what Upload.Encode made of the result: a repeated upload gets it again
	Actor            string       // a user's email, or an API key's name
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
	RecordRef         *string // the only ref of which plans are recorded; nil when any is
	Root              []byte  // plan.Plan's Root of the last recorded plan that had one; nil when none had
	AcceptRoot        bool    // the next plan may be of another root
	Owner             *string
	StaleAfter        *int // seconds
	Archived          bool
	HidesValues       bool       // of the account: no values are stored
	StaleAlertID      *uuid.UUID // that its checks stopped coming; nil while they come
}

// CheckTx writes checks and their workspaces.
type CheckTx interface {
	// LockWorkspace creates the workspace when it is new, and keeps all others out of it until the end.
	LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*WorkspaceState, error)
	// LockKnownWorkspace is the same for one that is there; apierror.NotFound when it is not.
	LockKnownWorkspace(ctx context.Context, account uuid.UUID, name string) (*WorkspaceState, error)
	// FirstUpload is the check of an earlier upload of the same body, nil when there was none. It has the ID, the status,
	// RootMismatch and the response.
	FirstUpload(ctx context.Context, workspace uuid.UUID, bodyHash []byte) (*Check, error)
	// ForgetResponse makes FirstUpload forget a check.
	ForgetResponse(ctx context.Context, check uuid.UUID) error
	InsertCheck(ctx context.Context, c *Check) error
	SaveWorkspace(ctx context.Context, w *WorkspaceState) error
}

// newCheck begins a check. What it says is decided when the plan has been compared with the open drifts.
func newCheck(ctx context.Context, w *work, p identity.Principal, name string, workspace *WorkspaceState, source Source) *Check {
	return &Check{
		ID: uid.New(), AccountID: w.account, WorkspaceID: workspace.ID, Workspace: name, Purpose: Record, Source: source.masked(),
		Actor: cmp.Or(p.Email, p.KeyName), TraceID: telemetry.TraceID(ctx), CreatedAt: w.now,
	}
}

// take takes over what the plan says about itself.
func (c *Check) take(read *plan.Plan) {
	c.FormatVersion, c.TerraformVersion, c.PlanTimestamp = read.FormatVersion, read.TerraformVersion, read.Timestamp
	c.LeftOut, c.WrapperLines = read.LeftOut, read.Wrapper
}

// conclude decides what the check says.
func (c *Check) conclude(read *plan.Plan, r *reconciliation) {
	c.Counts = r.counts()
	switch {
	case read.Errored:
		c.Status = CheckErrored
	case len(read.Changes) > 0, read.LeftOut.Count > 0, r.leavesOpen(): // Also a drift that an incomplete plan did not show.
		c.Status = CheckDrifted
	default:
		c.Status = CheckOK
	}
}

// isAhead reports whether the workspace has had a newer plan. Stored times have microseconds, and are compared with such.
func (ws *WorkspaceState) isAhead(timestamp *time.Time) bool {
	return timestamp != nil && ws.LastPlanTimestamp != nil && timestamp.Truncate(time.Microsecond).Before(*ws.LastPlanTimestamp)
}

// failedAfter reports whether a run failed after an earlier upload of a plan that is still the newest one.
func (ws *WorkspaceState) failedAfter(first *Check, timestamp *time.Time) bool {
	return ws.LastCheckStatus != nil && *ws.LastCheckStatus == CheckErrored && first.Status != CheckErrored &&
		!first.RootMismatch && !ws.isAhead(timestamp)
}

// leavesDrifts reports whether the check changes no drift, whatever its plan shows: that of a preview, of another root, and of
// a workspace that is not there.
func (c *Check) leavesDrifts() bool {
	return c.Purpose == Preview || c.RootMismatch || c.WorkspaceID == uuid.Nil
}

// maxSkew is how far a plan's time may be ahead of this service's clock.
const maxSkew = 5 * time.Minute

// note writes a check that counts on its workspace, and says whether it is the first of a streak of failures. A plan from the
// future and one that errored must not make those that come after them stale.
func (ws *WorkspaceState) note(c *Check, now time.Time) (failedFirst bool) {
	failedFirst = c.Status == CheckErrored && (ws.LastCheckStatus == nil || *ws.LastCheckStatus != CheckErrored)
	ws.LastCheckID, ws.LastCheckAt, ws.LastCheckStatus = &c.ID, &now, &c.Status
	t := c.PlanTimestamp
	if t == nil || c.Status == CheckErrored || t.After(now.Add(maxSkew)) {
		return failedFirst
	}
	if t.After(now) {
		t = &now
	}
	ws.LastPlanTimestamp = t
	return failedFirst
}

// isOtherRoot reports whether the plan is of another root than the workspace's earlier ones, and no user has accepted that.
func (ws *WorkspaceState) isOtherRoot(read *plan.Plan) bool {
	return !ws.AcceptRoot && read.AnotherRoot(ws.Root)
}

// keepRoot keeps which resources the plan's state has. A part of a root does not stand for all of it.
func (ws *WorkspaceState) keepRoot(read *plan.Plan) {
	root := read.Root()
	if root == nil || read.Errored {
		return
	}
	if read.Evidence.Coverage == plan.CoveragePartial && ws.Root != nil && !ws.AcceptRoot {
		return
	}
	ws.Root, ws.AcceptRoot = root, false
}
