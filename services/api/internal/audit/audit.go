// Package audit is the audit trail: who did what to what, and in which trace. The use cases of the other packages write its
// rows, each in the transaction of the change that the row describes. This package reads the trail, seals it, and checks the
// seals.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Roles of actors who are not users.
const (
	RoleKey    = "api_key"
	RoleCI     = "ci"
	RoleSystem = "system"
)

// Actor is who does something: a user, an API key, a job of CI with its own token, or the system.
type Actor struct {
	ID    *uuid.UUID // nil for the system
	Email string     // of a user; for CI, ci: with the name of the trust and the token's subject; else empty
	Role  string
}

// System acts when no signed-in user asked for it.
var System = Actor{Role: RoleSystem}

// Row is one entry of the trail.
type Row struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	CreatedAt  time.Time
	Action     string // subject.verb
	ActorID    *uuid.UUID
	ActorEmail string
	ActorRole  string
	DriftID    *uuid.UUID // nil when it is not about one drift
	Subject    string
	Message    string
	TraceID    string // empty without a trace
	Metadata   map[string]any
}

// New makes a row about what the actor does, in the trace of ctx. The database says when.
func New(ctx context.Context, account uuid.UUID, by Actor, action, subject, message string, metadata map[string]any) Row {
	if metadata == nil {
		metadata = map[string]any{}
	}
	return Row{
		ID: uid.New(), AccountID: account, Action: action,
		ActorID: by.ID, ActorEmail: by.Email, ActorRole: by.Role,
		Subject: subject, Message: message, TraceID: telemetry.TraceID(ctx), Metadata: metadata,
	}
}

// Writer adds rows, all of one account, to the trail. The transactions of the other packages have it.
type Writer interface {
	InsertAudit(ctx context.Context, rows []Row) error
}

// Filter says which rows; an empty field does not matter.
type Filter struct {
	DriftID *uuid.UUID
	ActorID *uuid.UUID
	Action  string
}

// TimelinePart is the most that a timeline shows at once.
const TimelinePart = 500

// Store is the database.
type Store interface {
	// ListAudit is a part of the rows, newest first.
	ListAudit(ctx context.Context, account uuid.UUID, f Filter, r list.Range) (list.Part[Row], error)
	// Timeline is a drift's rows, oldest first: the last ones before the row with this ID, or of all, and whether there are
	// earlier ones. apierror.NotFound when there is no such drift.
	Timeline(ctx context.Context, account, drift uuid.UUID, before *uuid.UUID, limit int) (rows []Row, more bool, err error)
}

// Trail reads the audit trail.
type Trail struct{ store Store }

// NewTrail makes the trail of a store.
func NewTrail(store Store) *Trail { return &Trail{store} }

// List is a part of the account's trail, newest first.
func (t *Trail) List(ctx context.Context, account uuid.UUID, f Filter, r list.Range) (list.Part[Row], error) {
	return t.store.ListAudit(ctx, account, f, r)
}

// exportPart is how many rows are read at a time.
const exportPart = 500

// Export gives all of the account's trail that fits, newest first, part by part.
func (t *Trail) Export(ctx context.Context, account uuid.UUID, f Filter, each func([]Row) error) error {
	r := list.Range{Page: list.Page{Number: 1, Size: exportPart}}
	for {
		part, err := t.store.ListAudit(ctx, account, f, r)
		if err != nil {
			return err
		}
		rows := part.Items[:min(len(part.Items), r.Size)]
		if len(rows) > 0 {
			if err := each(rows); err != nil {
				return err
			}
		}
		if !part.More {
			return nil
		}
		place := list.At(rows[len(rows)-1].CreatedAt, rows[len(rows)-1].ID)
		r.After = &place
	}
}

// Timeline is the history of a drift, oldest first: the last TimelinePart rows before the row with this ID, or of all, and
// whether there are earlier ones.
func (t *Trail) Timeline(ctx context.Context, account, drift uuid.UUID, before *uuid.UUID) (rows []Row, more bool, err error) {
	return t.store.Timeline(ctx, account, drift, before, TimelinePart)
}
