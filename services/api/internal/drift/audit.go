package drift

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// AuditRow says who did what to what, and in which trace.
type AuditRow struct {
	ID         uuid.UUID      `json:"id"`
	Timestamp  event.Time     `json:"timestamp"`
	Action     string         `json:"action"` // subject.verb
	ActorID    *uuid.UUID     `json:"actorId"`
	ActorEmail *string        `json:"actorEmail"`
	ActorRole  string         `json:"actorRole"`
	DriftID    *uuid.UUID     `json:"driftId"`
	Subject    string         `json:"subject"`
	Message    string         `json:"message"`
	TraceID    *string        `json:"traceId"`
	Metadata   map[string]any `json:"metadata"`
}

// AuditFilter says which audit rows; what is empty does not matter.
type AuditFilter struct {
	DriftID *uuid.UUID
	ActorID *uuid.UUID
	Action  string
}

// ListAudit is a page of the audit trail, newest first, and how long it is.
func (s *Service) ListAudit(ctx context.Context, p identity.Principal, f AuditFilter, page Page) ([]AuditRow, int, error) {
	total, err := s.store.CountAudit(ctx, p.AccountID, f)
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.store.ListAudit(ctx, p.AccountID, f, page)
	return rows, total, err
}

// Timeline is what happened to a drift, oldest first.
func (s *Service) Timeline(ctx context.Context, p identity.Principal, id uuid.UUID) ([]AuditRow, error) {
	return s.store.Timeline(ctx, p.AccountID, id)
}
