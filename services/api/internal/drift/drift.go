package drift

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Origin says what found a drift, in the plan's word.
type Origin = plan.Origin

// Severity says how much a drift weighs, in the plan's word.
type Severity = plan.Severity

// Severities are all severities, the heaviest first.
var Severities = []Severity{plan.Critical, plan.Warning, plan.Info}

// How a drift came to us.
const (
	DetectedByPlan   = "plan"
	DetectedByAPI    = "api"    // reported with an API key
	DetectedByPerson = "manual" // reported by a user
)

// Drift is a resource that is not as it should be. The states and the difference are JSON, redacted before they came
// here; they are passed on as bytes and never decoded.
type Drift struct {
	ID                uuid.UUID
	AccountID         uuid.UUID
	Version           int    // grows with every change but a mere sighting
	Fingerprint       []byte // names the resource; only one drift with it is open
	Workspace         string
	ResourceID        string
	ResourceType      string
	Provider          string
	Region            string
	Origin            Origin
	PlannedAction     *string
	ExpectedState     []byte // JSON null when the resource should not exist; nil when it was not read
	ActualState       []byte // JSON null when it does not exist; nil when it was not read
	StatesCut         bool   // there is more of the states than this
	Difference        []byte // {path:{"expected","actual"}}
	DifferenceCut     bool   // there is more of the difference than this
	DifferenceMAC     []byte // tells masked differences apart
	Sides             []byte // plan.States' own; read only as part of plan.Open
	PathHashes        []byte // plan.Paths of the difference; read only for decisions and rules
	Retyped           bool   // plan.Open's own
	Severity          Severity
	SeverityBy        *uuid.UUID // the rule that set it; nil when it is the default
	DefaultSeverity   *Severity  // nil when Severity is
	SuppressedBy      *uuid.UUID // the rule that ignores all of it
	SuppressedReason  *string    // that rule's
	SuppressedUntil   *time.Time // when that rule ends; nil when someone has to end it
	Owner             *string    // a team or a person; nil when there is none
	OwnerBy           *string    // a user's email, or RuleOwner
	Status            Status
	CostImpactMonthly float64 // US dollars, in cents exactly
	DetectedBy        string
	DetectedAt        time.Time // set again when it is reopened
	FirstSeenAt       time.Time
	LastSeenAt        time.Time
	Occurrences       int
	ApprovedAt        *time.Time
	ApprovedBy        *string
	ApprovalReason    *string
	ApprovedUntil     *time.Time // when it is detected again; nil when the approval has no end
	RejectedAt        *time.Time
	RejectedBy        *string
	RejectionReason   *string
	ResolvedAt        *time.Time
	ResolvedHow       *ResolvedHow
	ResolvedBasis     *ResolvedBasis // nil while it is open, and of an earlier version: then it is ByDecision
	CheckID           *uuid.UUID     // of the last recorded check that showed or resolved it; it may be gone
	PreviousID        *uuid.UUID     // the resolved drift that this one is a return of
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Detail is a drift and what surrounds it.
type Detail struct {
	Drift
	AlertCount int    // read ones too
	Source     Source // of the drift's last check
	TraceID    string // of that check; empty without one
	// Attribution is who made the last change that is known; nil when it is not known.
	Attribution *Attribution
	// SuccessorID is the drift that is a return of this one; nil when there is none.
	SuccessorID *uuid.UUID
	Head        list.Head // of the stream, when this was read
}

// Fingerprint names a resource across checks. Each part is preceded by its length, so that no two resources can be
// written alike.
func Fingerprint(account uuid.UUID, workspace string, origin Origin, resourceID string) []byte {
	h := sha256.New()
	h.Write(account[:])
	for _, part := range []string{workspace, string(origin), resourceID} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // A hash takes everything.
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// maxMoney is what numeric(14, 2) holds.
const maxMoney = 999_999_999_999.99

// Cents rounds an amount to the precision of the stored ones.
func Cents(amount float64) float64 { return math.Round(amount*100) / 100 }

// DefaultWorkspace is that of a report which names none.
const DefaultWorkspace = "default"

var workspaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,127}$`)

// CheckWorkspaceName says what is wrong with a workspace's name, nothing when it is fine.
func CheckWorkspaceName(name string) string {
	if workspaceName.MatchString(name) {
		return ""
	}
	return "must have 1 to 128 letters, digits and . _ / : @ - and begin with a letter or a digit"
}
