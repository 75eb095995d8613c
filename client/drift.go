package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// Severity is how much a drift matters: critical, warning or info.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// DriftStatus is where a drift is in its life.
type DriftStatus string

// The statuses. A drift goes from Detected or Triaged to Approved or Rejected, and from any of them to Resolved.
const (
	Detected DriftStatus = "detected"
	Triaged  DriftStatus = "triaged"
	Approved DriftStatus = "approved"
	Rejected DriftStatus = "rejected"
	Resolved DriftStatus = "resolved"
)

// Resolution is how a drift was resolved.
type Resolution string

// The resolutions that people give. The others come from plans: reverted, accepted, superseded, unknown.
const (
	AutoRemediate Resolution = "auto-remediate"
	ManualFix     Resolution = "manual-fix"
	Acknowledged  Resolution = "acknowledged"
)

// Drift is a resource that is not as it should be. Times that have not come are zero, texts that are not there empty.
type Drift struct {
	ID            string            `json:"id"`
	Version       int               `json:"version"` // grows with every change except being seen again
	Workspace     string            `json:"workspace"`
	ResourceID    string            `json:"resourceId"` // the Terraform address, or the caller's id
	ResourceType  string            `json:"resourceType"`
	Provider      string            `json:"provider"`
	Region        string            `json:"region"`
	Origin        string            `json:"origin"`                  // drift, change or manual
	PlannedAction string            `json:"plannedAction"`           // what the plan would do about it
	ExpectedState json.RawMessage   `json:"expectedState,omitempty"` // null when it should not exist; lists have it with IncludeStates alone
	ActualState   json.RawMessage   `json:"actualState,omitempty"`   // null when it does not exist; lists have it with IncludeStates alone
	Difference    map[string]Change `json:"difference"`              // by path, such as ingress["ssh"].cidr_blocks
	// The states, or the difference, were too large: not all of them is here.
	StatesTruncated     bool `json:"statesTruncated,omitempty"`
	DifferenceTruncated bool `json:"differenceTruncated,omitempty"`

	Severity          Severity     `json:"severity"`
	DefaultSeverity   Severity     `json:"defaultSeverity,omitempty"` // without the rule that set it; empty when none did
	SeverityRule      string       `json:"severityRule,omitempty"`
	Suppressed        *Suppression `json:"suppressed"` // nil when no rule ignores all of it
	Status            DriftStatus  `json:"status"`
	Owner             string       `json:"owner"`             // a team or a person
	OwnerBy           string       `json:"ownerBy,omitempty"` // an email, or rule: and a rule's id
	CostImpactMonthly float64      `json:"costImpactMonthly"` // US dollars
	DetectedBy        string       `json:"detectedBy"`
	DetectedAt        time.Time    `json:"detectedAt"`
	FirstSeenAt       time.Time    `json:"firstSeenAt"`
	LastSeenAt        time.Time    `json:"lastSeenAt"`
	Occurrences       int          `json:"occurrences"`
	ApprovedAt        time.Time    `json:"approvedAt,omitzero"`
	ApprovedBy        string       `json:"approvedBy,omitempty"` // an email
	ApprovalReason    string       `json:"approvalReason,omitempty"`
	ApprovedUntil     time.Time    `json:"approvedUntil,omitzero"` // when it is detected again; zero when the approval has no end
	RejectedAt        time.Time    `json:"rejectedAt,omitzero"`
	RejectedBy        string       `json:"rejectedBy,omitempty"` // an email
	RejectionReason   string       `json:"rejectionReason,omitempty"`
	ResolvedAt        time.Time    `json:"resolvedAt,omitzero"`
	ResolvedHow       Resolution   `json:"resolvedHow,omitempty"`
	ResolvedBasis     string       `json:"resolvedBasis,omitempty"` // what ResolvedHow was told from: decision or state
	CheckID           string       `json:"checkId,omitempty"`       // the last check that showed or resolved it; it may be gone
	PreviousID        string       `json:"previousId,omitempty"`    // the resolved drift that this one is a return of
	CreatedAt         time.Time    `json:"createdAt"`
	UpdatedAt         time.Time    `json:"updatedAt"`
}

// Change is both sides of a path that differs; a side that does not have the path is null.
type Change struct {
	Expected json.RawMessage `json:"expected"`
	Actual   json.RawMessage `json:"actual"`
}

// DriftDetail is a drift, and what the caller may do with it.
type DriftDetail struct {
	Drift
	Source             // of its last check
	TraceURL    string `json:"traceUrl"`    // of its last check, where operators have configured it
	SuccessorID string `json:"successorId"` // the drift that is a return of this one
	AlertCount  int    `json:"alertCount"`
	CanTriage   bool   `json:"canTriage"`
	CanApprove  bool   `json:"canApprove"`
	CanReject   bool   `json:"canReject"`
	CanResolve  bool   `json:"canResolve"`
	CanReopen   bool   `json:"canReopen"`
	// Attribution is nil when it is not known who changed the resource.
	Attribution *Attribution `json:"attribution"`
}

// TimelineEntry is something that happened to a drift.
type TimelineEntry struct {
	ID         string          `json:"id"`
	Timestamp  time.Time       `json:"timestamp"`
	Action     string          `json:"action"` // such as drift.approved
	ActorEmail string          `json:"actorEmail"`
	ActorRole  string          `json:"actorRole"`
	Message    string          `json:"message"`
	TraceID    string          `json:"traceId"`
	Metadata   json.RawMessage `json:"metadata"`
}

// DriftQuery filters and orders drifts. A zero field does not filter; AnyOf gives a field several values.
type DriftQuery struct {
	Severity     Severity
	Status       DriftStatus
	Workspace    string
	ResourceType string
	Region       string
	Origin       string    // drift, change or manual
	Provider     string    // such as hashicorp/aws
	Owner        string    // a team or a person
	Group        string    // the ID of a DriftGroup
	Open         *bool     // not resolved, or resolved
	Suppressed   string    // false (the default): without the drifts that rules ignore; true: only these; any: both
	From, To     time.Time // detected from this time on, and before that one
	Search       string    // part of the resource's id or type, or of a path that differs
	SortBy       string    // createdAt (the default), detectedAt, lastSeenAt, costImpactMonthly, severity, workspace, resourceId or status
	SortOrder    string    // desc (the default) or asc
	// IncludeStates also gives ExpectedState and ActualState. Such pages may be shorter: go on with Page.After.
	IncludeStates bool
}

func (q DriftQuery) values() url.Values {
	v := url.Values{}
	set(v, "severity", q.Severity)
	set(v, "status", q.Status)
	set(v, "workspace", q.Workspace)
	set(v, "resourceType", q.ResourceType)
	set(v, "region", q.Region)
	set(v, "origin", q.Origin)
	set(v, "provider", q.Provider)
	set(v, "owner", q.Owner)
	set(v, "group", q.Group)
	setBool(v, "open", q.Open)
	set(v, "suppressed", q.Suppressed)
	setTime(v, "from", q.From)
	setTime(v, "to", q.To)
	set(v, "search", q.Search)
	set(v, "sortBy", q.SortBy)
	set(v, "sortOrder", q.SortOrder)
	if q.IncludeStates {
		v.Set("include", "states")
	}
	return v
}

// ListDrifts gives a page of drifts.
func (c *Client) ListDrifts(ctx context.Context, q DriftQuery, p Page) (List[Drift], error) {
	return list[Drift](ctx, c, "/api/v1/drifts", q.values(), p)
}

// Drifts gives all drifts, page by page, and each once.
func (c *Client) Drifts(ctx context.Context, q DriftQuery) iter.Seq2[Drift, error] {
	return all(func(p Page) (List[Drift], error) { return c.ListDrifts(ctx, q, p) })
}

// GetDrift gives one drift.
func (c *Client) GetDrift(ctx context.Context, id string) (DriftDetail, error) {
	return get[DriftDetail](ctx, c, driftPath(id, ""), nil)
}

// DriftTimeline gives what happened to a drift, oldest first: the last 500 entries.
func (c *Client) DriftTimeline(ctx context.Context, id string) ([]TimelineEntry, error) {
	return get[[]TimelineEntry](ctx, c, driftPath(id, "/timeline"), nil)
}

// DriftReport is a drift that another tool, or a person, has found.
type DriftReport struct {
	ResourceID        string   `json:"resourceId"`
	ResourceType      string   `json:"resourceType"`
	Region            string   `json:"region"`
	ExpectedState     any      `json:"expectedState"` // encodes to an object, or null when the resource should not exist
	ActualState       any      `json:"actualState"`   // encodes to an object, or null when it does not exist
	Severity          Severity `json:"severity,omitempty"`
	CostImpactMonthly float64  `json:"costImpactMonthly,omitempty"`
	Workspace         string   `json:"workspace,omitempty"` // default, when it is empty
}

// ReportDrift reports a drift. A resource that has an open report already is CodeConflict.
func (c *Client) ReportDrift(ctx context.Context, r DriftReport) (Drift, error) {
	return post[Drift](ctx, c, "/api/v1/drifts", r)
}

// Decision is why a drift is approved or rejected, or why that is taken back.
type Decision struct {
	Reason  string    `json:"reason"`            // 10 to 1000 characters
	Version int       `json:"version,omitempty"` // that was seen; CodeConflict when the drift has changed since. 0 is any.
	Until   time.Time `json:"until,omitzero"`    // when an approval ends; nothing else may have it
}

// ApproveDrift accepts a drift: the actual state is fine, and the code should follow.
func (c *Client) ApproveDrift(ctx context.Context, id string, d Decision) (Drift, error) {
	return post[Drift](ctx, c, driftPath(id, "/approve"), d)
}

// RejectDrift demands that a drift is reverted.
func (c *Client) RejectDrift(ctx context.Context, id string, d Decision) (Drift, error) {
	return post[Drift](ctx, c, driftPath(id, "/reject"), d)
}

// ReopenDrift takes an approval or a rejection back.
func (c *Client) ReopenDrift(ctx context.Context, id string, d Decision) (Drift, error) {
	return post[Drift](ctx, c, driftPath(id, "/reopen"), d)
}

// TriageDrift takes note of a drift. version is as in Decision.
func (c *Client) TriageDrift(ctx context.Context, id string, version int) (Drift, error) {
	return post[Drift](ctx, c, driftPath(id, "/triage"), struct {
		Version int `json:"version,omitempty"`
	}{version})
}

// ResolveDrift closes a drift. version is as in Decision.
func (c *Client) ResolveDrift(ctx context.Context, id string, how Resolution, version int) (Drift, error) {
	return post[Drift](ctx, c, driftPath(id, "/resolve"), struct {
		ResolvedHow Resolution `json:"resolvedHow"`
		Version     int        `json:"version,omitempty"`
	}{how, version})
}

func driftPath(id, rest string) string { return "/api/v1/drifts/" + url.PathEscape(id) + rest }
