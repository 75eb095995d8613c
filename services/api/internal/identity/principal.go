package identity

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Role is what a user may do in an account. Each role includes the rights of those before it.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"
	Engineer Role = "engineer"
	Admin    Role = "admin"
)

var roles = []Role{Viewer, Engineer, Admin}

// Valid reports whether this is one of the roles.
func (r Role) Valid() bool { return slices.Contains(roles, r) }

// AtLeast reports whether r has the rights of other.
func (r Role) AtLeast(other Role) bool {
	return r.Valid() && slices.Index(roles, r) >= slices.Index(roles, other)
}

// Principal is the caller of a request according to the database: a user in a session, an API key, or a job of CI with a token of
// its own, which is like a key.
type Principal struct {
	AccountID uuid.UUID
	UserID    uuid.UUID // zero for an API key
	SessionID uuid.UUID // zero for an API key
	KeyID     uuid.UUID // zero for a user; for CI, the trust
	Email     string    // empty for an API key
	Role      Role      // empty for an API key
	KeyName   string    // empty for a user; for CI, ci: with the name of the trust and the token's subject
	CI        bool      // a job of CI with a token of its own
	// Workspaces are globs of those that an API key is limited to; nil is every workspace.
	Workspaces []string
	// SignedInAt is when the session began: refreshing it proves nothing about who does. Zero for an API key.
	SignedInAt time.Time
}

// System is the service itself, which acts on an account by the clock. No request has it as its caller.
func System(account uuid.UUID) Principal { return Principal{AccountID: account} }

// IsSystem reports whether the service acts by itself.
func (p Principal) IsSystem() bool { return p.UserID == uuid.Nil && p.KeyID == uuid.Nil }

// IsKey reports whether an API key, or CI with a token of its own, makes the request.
func (p Principal) IsKey() bool { return p.KeyID != uuid.Nil }

// ID names the principal, for rate limits and idempotency keys.
func (p Principal) ID() uuid.UUID {
	if p.IsKey() {
		return p.KeyID
	}
	return p.UserID
}
