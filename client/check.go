package client

import (
	"context"
	"iter"
	"net/url"
	"time"
)

// CheckStatus is what a check found.
type CheckStatus string

// The statuses.
const (
	CheckOK      CheckStatus = "ok"
	CheckDrifted CheckStatus = "drifted"
	CheckErrored CheckStatus = "failed" // the plan says that it errored, or no plan came that can be read
)

// Check is one look at a workspace.
type Check struct {
	ID               string      `json:"id"`
	Workspace        string      `json:"workspace"`
	Status           CheckStatus `json:"status"`
	Stale            bool        `json:"stale"`   // the plan is older than the last one, and changed nothing
	Purpose          string      `json:"purpose"` // record, or preview, which changed nothing
	Counts           Counts      `json:"counts"`
	Evidence         Evidence    `json:"evidence"`     // empty when an earlier version made the check
	RootMismatch     bool        `json:"rootMismatch"` // the plan is of another root than the earlier ones, and changed no drift
	TerraformVersion string      `json:"terraformVersion"`
	PlanTimestamp    time.Time   `json:"planTimestamp,omitzero"`
	Source
	FailureReason string    `json:"failureReason"`
	LeftOut       LeftOut   `json:"leftOut"`
	WrapperLines  int       `json:"wrapperLines"` // around the plan, which were skipped
	CreatedAt     time.Time `json:"createdAt"`

	// Empty in the response to an upload.
	FormatVersion string `json:"formatVersion"`
	SentBy        string `json:"sentBy"` // an email, or the name of an API key
	TraceID       string `json:"traceId"`
}

// Counts is how many drifts a check found.
type Counts struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Resolved  int `json:"resolved"`
	// Suppressed is how many of those that the plan shows rules ignore. They are in none of the others.
	Suppressed int `json:"suppressed"`
}

// Evidence is what a check proves about the open drifts that it does not show.
type Evidence struct {
	Refreshed string   `json:"refreshed"` // proven, stated, unknown or no
	Coverage  string   `json:"coverage"`  // full, partial or unknown
	Mode      string   `json:"mode"`      // refresh-only, normal, destroy, or empty when it is not known
	Unproven  int      `json:"unproven"`  // open drifts that the check could not judge
	Reasons   []string `json:"reasons"`   // what was not proven, and what the sender can do about it
}

// Source is where a plan came from, as its sender says. What it does not say is empty.
type Source struct {
	Ref         string `json:"ref"` // a branch or a tag
	Commit      string `json:"commit"`
	RunURL      string `json:"runUrl"`
	TriggeredBy string `json:"triggeredBy"`
}

func (s Source) set(q url.Values) {
	set(q, "ref", s.Ref)
	set(q, "commit", s.Commit)
	set(q, "runUrl", s.RunURL)
	set(q, "triggeredBy", s.TriggeredBy)
}

// LeftOut is how many entries of a plan could not be read, and the first of them; lists have none of these.
type LeftOut struct {
	Count   int `json:"count"`
	Entries []struct {
		Path     string `json:"path"` // such as resource_drift[3]
		Resource string `json:"resource"`
		Reason   string `json:"reason"`
	} `json:"entries"`
}

// CheckQuery filters checks. A zero field does not filter; AnyOf gives Workspace and Status several values.
type CheckQuery struct {
	Workspace string
	Status    CheckStatus
	Purpose   string
	From, To  time.Time // from this time on, and before that one
}

func (q CheckQuery) values() url.Values {
	v := url.Values{}
	set(v, "workspace", q.Workspace)
	set(v, "status", q.Status)
	set(v, "purpose", q.Purpose)
	setTime(v, "from", q.From)
	setTime(v, "to", q.To)
	return v
}

// ListChecks gives a page of checks, newest first.
func (c *Client) ListChecks(ctx context.Context, q CheckQuery, p Page) (List[Check], error) {
	return list[Check](ctx, c, "/api/v1/checks", q.values(), p)
}

// Checks gives all checks, page by page.
func (c *Client) Checks(ctx context.Context, q CheckQuery) iter.Seq2[Check, error] {
	return all(func(p Page) (List[Check], error) { return c.ListChecks(ctx, q, p) })
}

// GetCheck gives one check.
func (c *Client) GetCheck(ctx context.Context, id string) (Check, error) {
	return get[Check](ctx, c, "/api/v1/checks/"+url.PathEscape(id), nil)
}
