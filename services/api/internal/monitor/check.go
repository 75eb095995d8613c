package monitor

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// CheckFilter says which checks; an empty field does not matter, and of several values one must fit.
type CheckFilter struct {
	Workspace []string
	Status    []drift.CheckStatus
	Purpose   drift.Purpose
	From, To  *time.Time // from this time on, and before that one
}

// CheckStore reads the checks of an account, without the hashes and the responses of their uploads.
type CheckStore interface {
	// Checks is a part of the checks that pass the filter, newest first, without the entries that were left out of their plans.
	Checks(ctx context.Context, account uuid.UUID, f CheckFilter, r list.Range) (list.Part[drift.Check], error)
	// Check is one, and the head that it was read at; apierror.NotFound when there is none.
	Check(ctx context.Context, account, id uuid.UUID) (*drift.Check, list.Head, error)
}

// Checks is a part of the checks that pass the filter, newest first.
func (m *Monitor) Checks(ctx context.Context, account uuid.UUID, f CheckFilter, r list.Range) (list.Part[drift.Check], error) {
	return m.store.Checks(ctx, account, f, r)
}

// Check is one of the account's checks, and the head that it was read at.
func (m *Monitor) Check(ctx context.Context, account, id uuid.UUID) (*drift.Check, list.Head, error) {
	return m.store.Check(ctx, account, id)
}
