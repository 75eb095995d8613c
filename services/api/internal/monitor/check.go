package monitor

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// CheckFilter says which checks; an empty field does not matter.
type CheckFilter struct {
	Workspace string
	Status    drift.CheckStatus
	Purpose   drift.Purpose
	From, To  *time.Time // from this time on, and before that one
}

// CheckStore reads the checks of an account, without the hashes and the responses of their uploads.
type CheckStore interface {
	// Checks is a page of the checks that pass the filter, newest first, without the entries that were left out of their
	// plans. CountChecks counts all of them.
	Checks(ctx context.Context, account uuid.UUID, f CheckFilter, p drift.Page) ([]drift.Check, error)
	CountChecks(ctx context.Context, account uuid.UUID, f CheckFilter) (int, error)
	// Check is one; apierror.NotFound when there is none.
	Check(ctx context.Context, account, id uuid.UUID) (*drift.Check, error)
}

// Checks is a page of the checks that pass the filter, newest first, and how many pass it.
func (m *Monitor) Checks(ctx context.Context, account uuid.UUID, f CheckFilter, p drift.Page) ([]drift.Check, int, error) {
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
func (m *Monitor) Check(ctx context.Context, account, id uuid.UUID) (*drift.Check, error) {
	return m.store.Check(ctx, account, id)
}
