package monitor

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Purpose is what a check was for.
type Purpose string

// The purposes.
const (
	Record  Purpose = "record"
	Preview Purpose = "preview" // it changed nothing but the list of checks
)

// Check is a look at a workspace, as it was kept.
type Check struct {
	ID        uuid.UUID
	Workspace string
	Status    drift.CheckStatus
	Stale     bool // older than the last one: it changed nothing
	Purpose   Purpose
	event.Counts
	plan.Evidence     // without Refreshed and Coverage, of an earlier version
	Unproven      int // open drifts that it could not judge
	RootMismatch  bool

	// As the sender says; empty where it says nothing.
	Ref         string
	Commit      string
	RunURL      string
	TriggeredBy string

	FailureReason    string // of a failed check for which no plan came that says why
	LeftOut          int    // entries of the plan that could not be read
	LeftOutEntries   []plan.Omission
	WrapperLines     int    // around the plan, which were skipped
	FormatVersion    string // empty when no plan came
	TerraformVersion string // empty when the plan does not say
	PlanTimestamp    *time.Time
	Actor            string // a user's email, or an API key's name
	TraceID          string
	CreatedAt        time.Time
}

// CheckFilter says which checks; an empty field does not matter.
type CheckFilter struct {
	Workspace string
	Status    drift.CheckStatus
	Purpose   Purpose
	From, To  *time.Time // from this time on, and before that one
}

// CheckStore reads the checks of an account.
type CheckStore interface {
	// Checks is a page of the checks that pass the filter, newest first, and CountChecks counts all of them.
	Checks(ctx context.Context, account uuid.UUID, f CheckFilter, p drift.Page) ([]Check, error)
	CountChecks(ctx context.Context, account uuid.UUID, f CheckFilter) (int, error)
	// Check is one; apierror.NotFound when there is none.
	Check(ctx context.Context, account, id uuid.UUID) (*Check, error)
}

// Checks is a page of the checks that pass the filter, newest first, and how many pass it.
func (m *Monitor) Checks(ctx context.Context, account uuid.UUID, f CheckFilter, p drift.Page) ([]Check, int, error) {
	checks, err := m.store.Checks(ctx, account, f, p)
	if err != nil {
		return nil, 0, err
	}
	if n := len(checks); n < p.Size && (n > 0 || p.Number == 1) {
		return checks, p.Offset() + n, nil // The last page tells by itself.
	}
	total, err := m.store.CountChecks(ctx, account, f)
	return checks, total, err
}

// Check is one of the account's checks.
func (m *Monitor) Check(ctx context.Context, account, id uuid.UUID) (*Check, error) {
	return m.store.Check(ctx, account, id)
}
