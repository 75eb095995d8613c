package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// Origin says what found a change.
type Origin string

// The origins.
const (
	OriginDrift  Origin = "drift"  // reality left the recorded state: a plan's resource_drift
	OriginChange Origin = "change" // reality is not what the configuration asks for: a plan's resource_changes
	OriginManual Origin = "manual" // someone told us
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

// The scopes. ScopeUnstated leaves it to the plan.
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
	Wrapper          int  // lines around the plan that were skipped, such as those of a CI's wrapper
	Slimmed          bool // the client or HCP left the configuration out

	// Evidence is what the plan proves about drifts that it does not list.
	Evidence Evidence

	// LeftOut are the entries that could not be read as changes. Drifts at their addresses stay open.
	LeftOut LeftOut

	// Changes are what differs, redacted, in the plan's order.
	Changes []Change
	// Moves are the addresses that changed since the last run, whether or not the resource drifted.
	Moves []Move

	seesChanges   bool
	hasPriorState bool
	previous      map[string]string // where a moved object was
	movedLate     bool              // prior_state came before a move that it has to be read with
	standings     map[Object]*standing
	shown         map[string]string // how addresses are shown that have a secret in them
	canonical     *hasher           // set when an open drift is stored with such an address
	states        shelf             // of the changes
	root          root
	work          int // what comparing took: values and bytes looked at
}

// LeftOut is how many entries were left out of a plan, and the first of them.
type LeftOut struct {
	Count   int
	Entries []Omission
}

// Omission is one entry that was left out.
type Omission struct {
	Path     string // such as "resource_drift[3]"
	Resource string // its address without instance keys; empty when that cannot be shown
	Reason   string // such as "has a NUL character in a string, which cannot be stored"
}

// Bounds of the report about entries that were left out.
const (
	maxLeftOut   = 20
	maxShownName = 200
)

// Move is one resource that has a new address. Both are raw; see Plan.Shown. Type and Provider are those at the new one.
type Move struct{ From, To, Type, Provider string }

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

	// States are kept packed by a plan, until Unpack.
	States

	Severity Severity
	// Hash is the identity of the difference before redaction, so that a masked value that changes again is seen. It says
	// which version and key it was made with; Matches compares it.
	Hash []byte
	// OtherMasks says that the states of the same drift in Options.Open may be masked in another way than these, or that its
	// paths are not stored.
	OtherMasks bool
	// Verdict is what Options.Rules say.
	Verdict  rule.Verdict
	identity string
	older    [][]byte // of what Options.Open has: by other versions, or with the previous key

	packed slot
	sizes  [4]int // of the states, except for the last
}

// States are what a resource should be, what it is, and where these differ.
type States struct {
	Expected   json.RawMessage // null when it should not exist
	Actual     json.RawMessage // null when it does not exist
	Difference json.RawMessage // {path:{"expected","actual"}}, and "order":true where only the order of a list differs
	// Sides are keyed hashes of both values of each difference, for Options.Open of the plans that come after.
	Sides []byte
	// Paths are Paths as they are stored.
	Paths []byte
}

// Size is how many bytes the states of a plan's change have, packed or not.
func (c *Change) Size() int { return c.packed.size() }

// Unpack gives the states of one of the plan's changes, in memory of their own. A plan keeps them compressed, since all of
// them together may be as large as the plan.
func (p *Plan) Unpack(c *Change) States {
	all := bytes.Clone(p.states.get(c.packed))
	var parts [len(c.sizes)][]byte
	for i, n := range c.sizes {
		parts[i], all = all[:n:n], all[n:]
	}
	return States{Expected: parts[0], Actual: parts[1], Difference: parts[2], Sides: parts[3], Paths: all}
}

// ResourceID is how the object is shown within its workspace and origin: its address, with the deposed key when there is
// one. A secret in it is masked.
func (c *Change) ResourceID() string {
	return resourceID(c.Address, c.Deposed)
}

// Identity tells objects apart that are shown, or would be another time, with a masked address. It is not to be shown or
// stored.
func (c *Change) Identity() string { return c.identity }

// Shown is an address of the plan as it may be shown.
func (p *Plan) Shown(address string) string { return cmp.Or(p.shown[address], address) }

// key is what the ID of an object is looked up by.
func (p *Plan) key(id string) string {
	if p.canonical == nil {
		return id
	}
	return canonical(p.canonical, id)
}

func resourceID(address, deposed string) string {
	if deposed == "" {
		return address
	}
	return address + " (deposed " + deposed + ")"
}

// Limits of an input when Options does not say otherwise.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMaxDepth = 100
)

// Limits that keep a plan made for that purpose from taking many times its size in memory. No real plan comes near them:
// a resource takes kilobytes, in each of the four or five places where a plan has it.
const (
	maxPending   = 16 << 20 // bytes of one resource, or of one text elsewhere
	maxValues    = 1 << 17  // values of one resource: a node takes some forty times the bytes of the smallest value
	maxResources = 150_000  // in the lists of the plan together
	maxChanges   = 25_000
	maxSecrets   = 24 << 20 // bytes of masked strings
)

// Options are how to read a plan.
type Options struct {
	// Changes also makes changes of what resource_changes would do (origin change).
	Changes bool
	// Key is DATA_KEY, which the hashes are made with. Required. PreviousKey is the one that it replaced, if it did.
	Key         []byte
	PreviousKey []byte
	// Mode, Refreshed and Scope are what the sender says about the plan.
	Mode      Mode
	Refreshed bool
	Scope     Scope
	// Open are the open drifts that Judge will be asked about.
	Open map[Object]Open
	// Rules are those for the workspace; nil when there are none.
	Rules *rule.Scope
	// HideValues shows keyed hashes in the place of all values.
	HideValues bool
	// MaxBytes limits the inflated size, MaxDepth the nesting of one resource's values. Zero means the default.
	MaxBytes int64
	MaxDepth int
}
