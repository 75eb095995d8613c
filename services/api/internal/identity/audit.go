package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// What people and programs did to accounts, as the audit trail names it.
const (
	actionSignedIn        = "auth.login"
	actionUserCreated     = "user.created"
	actionUserUpdated     = "user.updated"
	actionKeyCreated      = "api_key.created"
	actionKeyRevoked      = "api_key.revoked"
	actionKeyHandedOver   = "api_key.handed_over"
	actionPasswordChanged = "password.changed"
	actionSessionRevoked  = "session.revoked"
	actionAccountUpdated  = "account.updated"
	actionSetupIssued     = "setup_token.created"
	actionTrustCreated    = "trust.created"
	actionTrustDeleted    = "trust.deleted"
	actionChannelUpdated  = "channel.updated"
)

// Actor is the principal as the audit trail names it.
func (p Principal) Actor() audit.Actor {
	if p.IsSystem() {
		return audit.System
	}
	id := p.ID()
	switch {
	case p.CI:
		return audit.Actor{ID: &id, Email: p.KeyName, Role: audit.RoleCI}
	case p.IsKey():
		return audit.Actor{ID: &id, Role: audit.RoleKey}
	}
	return audit.Actor{ID: &id, Email: p.Email, Role: string(p.Role)}
}

// actor is a user who is about to become a principal.
func (u User) actor() audit.Actor {
	return audit.Actor{ID: &u.ID, Email: u.Email, Role: string(u.Role)}
}

// record writes what was done to the audit trail, in the transaction that does it.
func (s *Service) record(
	ctx context.Context, tx Tx, account uuid.UUID, by audit.Actor, action, subject, message string, metadata map[string]any,
) error {
	return tx.InsertAudit(ctx, []audit.Row{audit.New(ctx, account, by, action, subject, message, metadata)})
}
