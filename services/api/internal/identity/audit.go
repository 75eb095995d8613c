package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// What people and programs did to accounts, as the audit trail names it.
const (
	actionSignedIn        = "auth.login"
	actionUserCreated     = "user.created"
	actionUserUpdated     = "user.updated"
	actionKeyCreated      = "api_key.created"
	actionKeyRevoked      = "api_key.revoked"
	actionPasswordChanged = "password.changed"
	actionSessionRevoked  = "session.revoked"
)

// roleSystem is the actor's role for what nobody asked for who is signed in.
const roleSystem = "system"

// Audit is a row of the audit trail: who did what to whom, and in which trace.
type Audit struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	At         time.Time
	Action     string
	ActorID    *uuid.UUID // nil for the system
	ActorEmail string
	ActorRole  string
	Subject    string
	Message    string
	TraceID    string
	Metadata   map[string]any
}

// actor is who does something: a principal, a user who is about to become one, or the system.
type actor struct {
	id    *uuid.UUID
	email string
	role  string
}

var system = actor{role: roleSystem}

func actorOf(p Principal) actor { return actor{&p.UserID, p.Email, string(p.Role)} }

func actorIs(u User) actor { return actor{&u.ID, u.Email, string(u.Role)} }

// record writes what was done to the audit trail, in the transaction that does it.
func (s *Service) record(ctx context.Context, tx Tx, account uuid.UUID, by actor, action, subject, message string, metadata map[string]any) error {
	if metadata == nil {
		metadata = map[string]any{}
	}
	return tx.InsertAudit(ctx, Audit{
		ID: newID(), AccountID: account, At: s.now(), Action: action,
		ActorID: by.id, ActorEmail: by.email, ActorRole: by.role,
		Subject: subject, Message: message, TraceID: telemetry.TraceID(ctx), Metadata: metadata,
	})
}
