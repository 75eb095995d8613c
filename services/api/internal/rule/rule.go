package rule

import (
	"time"

	"github.com/google/uuid"
)

// Effect is what a rule does with the drifts that it matches.
type Effect string

// The effects.
const (
	Ignore   Effect = "ignore"   // the paths are no part of what people look at
	Severity Effect = "severity" // the drift has another severity
	Owner    Effect = "owner"    // the drift is someone's, unless a user has said whose it is
)

// Effects are all effects.
var Effects = []Effect{Ignore, Severity, Owner}

// Status is where a rule stands:
//
//	         accept
//	proposed ──────▶ active
//	    │              │
//	    └── decline    └── end, expire ──▶ ended, which is final
type Status string

// The statuses.
const (
	Proposed Status = "proposed" // by an engineer; it has no effect
	Active   Status = "active"
	Ended    Status = "ended"
)

// Statuses are all statuses.
var Statuses = []Status{Proposed, Active, Ended}

// EndedHow says how a rule ended.
type EndedHow string

// The ways to end.
const (
	ByAdmin  EndedHow = "ended"
	Expired  EndedHow = "expired"
	Declined EndedHow = "declined" // a proposal
)

// Match says which drifts a rule is about; an empty list does not matter, and of several globs one must fit. In a glob, * is any
// text. One for an address or a path also covers what is below it: `tags` covers `tags.env`.
type Match struct {
	Workspaces []string
	Addresses  []string
	Types      []string
	Providers  []string
	Paths      []string
	Origins    []string // values, not globs
	NoOp       bool     // only what the plan leaves as it is
}

// Rule is a rule of an account.
type Rule struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Position  int // in the order in which rules are asked
	Status    Status
	Effect    Effect
	Match
	Severity   *string // of the effect Severity
	Owner      *string // of the effect Owner
	Reason     string
	ExpiresAt  *time.Time // nil when it is in force until someone ends it
	CreatedAt  time.Time
	CreatedBy  string // an email
	AcceptedAt *time.Time
	AcceptedBy *string
	UpdatedAt  time.Time
	UpdatedBy  string
	EndedAt    *time.Time
	EndedBy    *string // nil when it expired
	EndedHow   *EndedHow
	// SuppressedDrifts is how many open drifts it suppresses. It is counted for readers alone.
	SuppressedDrifts int
}

// InForce reports whether the rule has an effect.
func (r *Rule) InForce() bool { return r.Status == Active }

// MaxRules is how many rules an account may have that have not ended.
const MaxRules = 500
