package plan

import (
	"encoding/json"
	"time"
)

// Origin says what found a change.
type Origin string

// The origins.
const (
	OriginDrift  Origin = "drift"  // reality left the recorded state: a plan's resource_drift
	OriginChange Origin = "change" // reality is not what the configuration asks for: a plan's resource_changes
	OriginManual Origin = "manual" // somebody told us
)

// Severity is the weight that a change has by default.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Scope is what the sender says about how much the plan covers.
type Scope string

// The scopes. ScopeUnstated leaves the answer to the plan.
const (
	ScopeUnstated Scope = ""
	ScopeFull     Scope = "full"
	ScopePartial  Scope = "partial"
)

// Redacted stands in the place of everything that is masked.
const Redacted = "[redacted]"

// Plan is what a plan says about drift.
type Plan struct {
	FormatVersion    string // HCP's plan_format_version where that is what the plan has
	TerraformVersion string
	Timestamp        *time.Time // nil when absent: Terraform before 1.5
	Errored          bool       // the run failed
	Complete         *bool      // nil when absent: OpenTofu, and Terraform before 1.8
	Applyable        *bool
	Slimmed          bool // the client or HCP left the configuration out
	Covered          bool // every managed resource of the configuration has an entry in resource_changes

	// Changes are what differs, redacted, in the plan's order.
	Changes []Change
	// Moves are the addresses that changed since the last run, whether or not the resource drifted.
	Moves []Move

	seesChanges bool
}

// Move is one resource that has a new address.
type Move struct{ From, To string }

// Resolves reports whether an open record of this origin that the plan does not mention is really gone. Unknown is no:
// `complete` tells about -target, and where it is absent only a normal plan that names every configured resource shows
// that nothing was left out. A refresh-only plan without `complete` looks the same with and without -target, so there the
// sender has to state ScopeFull.
func (p *Plan) Resolves(origin Origin, scope Scope) bool {
	if p.Errored || scope == ScopePartial {
		return false
	}
	if origin != OriginDrift && (origin != OriginChange || !p.seesChanges) {
		return false
	}
	if p.Complete != nil {
		return *p.Complete
	}
	return scope == ScopeFull || p.Covered
}

// Change is one resource that differs from what it should be. All JSON is redacted, without spaces and with sorted names.
type Change struct {
	Origin          Origin
	Address         string
	PreviousAddress string // empty unless the resource moved since the last run
	Deposed         string // the key of a deposed object, of which an address can have several
	Type            string
	Name            string
	Provider        string // "hashicorp/aws"
	Mode            string // "managed"
	Region          string // empty when no attribute tells
	Actions         []string
	PlannedAction   string // what resource_changes does at the same address: no-op, create, update, delete, replace, forget; may be empty

	Expected   json.RawMessage // the state it should have; null when it should not exist
	Actual     json.RawMessage // the state it has; null when it does not exist
	Difference json.RawMessage // {path:{"expected","actual"}}
	Severity   Severity
	// Hash is an HMAC-SHA256 over the difference before redaction, so that a masked value that changes again is seen.
	Hash []byte
}

// ResourceID names the object within its workspace and origin: its address, with the deposed key when there is one.
func (c *Change) ResourceID() string {
	if c.Deposed == "" {
		return c.Address
	}
	return c.Address + " (deposed " + c.Deposed + ")"
}

// Limits of an input when Options does not say otherwise.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMaxDepth = 100
)

// Options are how to read a plan.
type Options struct {
	// Changes also makes changes of what resource_changes would do (origin change).
	Changes bool
	// Key is DATA_KEY, which the hashes are made with. Required.
	Key []byte
	// MaxBytes limits the inflated size, MaxDepth the nesting of one resource's values. Zero means the default.
	MaxBytes int64
	MaxDepth int
}
