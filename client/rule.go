package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// RuleStatus is where a rule stands.
type RuleStatus string

// The statuses.
const (
	RuleProposed RuleStatus = "proposed" // it has no effect until an admin accepts it
	RuleActive   RuleStatus = "active"
	RuleIsOver   RuleStatus = "ended"
)

// RuleEffect is what a rule does with the drifts that it matches.
type RuleEffect string

// The effects.
const (
	IgnoreDrifts RuleEffect = "ignore" // a drift all of whose paths are ignored is suppressed
	SetSeverity  RuleEffect = "severity"
	SetOwner     RuleEffect = "owner"
)

// RuleMatch says which drifts a rule is about: all that is named must fit. In the texts, except for Origins, * is any text. An address
// or a path also covers what is below it.
type RuleMatch struct {
	Workspaces  []string `json:"workspaces,omitzero"`
	Addresses   []string `json:"addresses,omitzero"`
	Types       []string `json:"types,omitzero"`
	Providers   []string `json:"providers,omitzero"`
	Paths       []string `json:"paths,omitzero"`
	Origins     []string `json:"origins,omitzero"`
	PlannedNoOp bool     `json:"plannedNoOp"` // only what the plan leaves as it is
}

// RuleDraft is a rule as someone writes it.
type RuleDraft struct {
	Effect    RuleEffect `json:"effect"`
	Match     RuleMatch  `json:"match"`
	Severity  Severity   `json:"severity,omitempty"` // of SetSeverity
	Owner     string     `json:"owner,omitempty"`    // of SetOwner
	Reason    string     `json:"reason"`             // 10 to 1,000 characters
	ExpiresAt time.Time  `json:"expiresAt,omitzero"` // zero when someone has to end it
}

// Rule is a rule of the account. Times that have not come are zero.
type Rule struct {
	ID       string     `json:"id"`
	Position int        `json:"position"` // in the order in which rules are asked
	Status   RuleStatus `json:"status"`
	RuleDraft
	SuppressedDrifts int       `json:"suppressedDrifts"` // open ones; 0 in the response to a change
	CreatedAt        time.Time `json:"createdAt"`
	CreatedBy        string    `json:"createdBy"`
	AcceptedAt       time.Time `json:"acceptedAt,omitzero"`
	AcceptedBy       string    `json:"acceptedBy"`
	UpdatedAt        time.Time `json:"updatedAt"`
	UpdatedBy        string    `json:"updatedBy"`
	EndedAt          time.Time `json:"endedAt,omitzero"`
	EndedBy          string    `json:"endedBy"`  // empty when it expired
	EndedHow         string    `json:"endedHow"` // ended, expired or declined
}

// Suppression is why a drift is suppressed, and until when.
type Suppression struct {
	Rule   string    `json:"rule"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"` // zero when someone has to end the rule
}

// RulePreview is what a rule would do to the open drifts.
type RulePreview struct {
	Examined   int  `json:"examined"`
	Complete   bool `json:"complete"` // Examined were all
	Matched    int  `json:"matched"`
	Suppressed int  `json:"suppressed"`
	Changed    int  `json:"changed"` // another severity, or an owner
	Drifts     []struct {
		ID           string      `json:"id"`
		Workspace    string      `json:"workspace"`
		ResourceID   string      `json:"resourceId"`
		ResourceType string      `json:"resourceType"`
		Severity     Severity    `json:"severity"`
		Status       DriftStatus `json:"status"`
		Paths        []string    `json:"paths"`
		Suppressed   bool        `json:"suppressed"`
	} `json:"drifts"` // the first of them
}

// RuleUpdate is what to change of a rule. What is nil stays.
type RuleUpdate struct {
	Match     *RuleMatch // as a whole
	Severity  *Severity
	Owner     *string
	Reason    *string
	ExpiresAt *time.Time // a zero time removes it
}

// ListRules gives a page of the rules of a status; without one, of those that have not ended, in their order.
func (c *Client) ListRules(ctx context.Context, status RuleStatus, p Page) (List[Rule], error) {
	v := url.Values{}
	set(v, "status", status)
	return list[Rule](ctx, c, "/api/v1/rules", v, p)
}

// Rules gives all of them, page by page.
func (c *Client) Rules(ctx context.Context, status RuleStatus) iter.Seq2[Rule, error] {
	return all(func(p Page) (List[Rule], error) { return c.ListRules(ctx, status, p) })
}

// GetRule gives one rule.
func (c *Client) GetRule(ctx context.Context, id string) (Rule, error) {
	return get[Rule](ctx, c, "/api/v1/rules/"+url.PathEscape(id), nil)
}

// CreateRule adds a rule after the others. An engineer's is a proposal.
func (c *Client) CreateRule(ctx context.Context, d RuleDraft) (Rule, error) {
	return post[Rule](ctx, c, "/api/v1/rules", d)
}

// PreviewRule says what a rule would do, and changes nothing.
func (c *Client) PreviewRule(ctx context.Context, d RuleDraft) (RulePreview, error) {
	return post[RulePreview](ctx, c, "/api/v1/rules/preview", d)
}

// AcceptRule puts a proposal in force.
func (c *Client) AcceptRule(ctx context.Context, id string) (Rule, error) {
	return post[Rule](ctx, c, "/api/v1/rules/"+url.PathEscape(id)+"/accept", struct{}{})
}

// ReorderRules puts the rules that have not ended in this order. ids are all of them.
func (c *Client) ReorderRules(ctx context.Context, ids []string) error {
	_, err := post[json.RawMessage](ctx, c, "/api/v1/rules/reorder", map[string][]string{"ids": ids})
	return err
}

// UpdateRule changes a rule that has not ended.
func (c *Client) UpdateRule(ctx context.Context, id string, u RuleUpdate) (r Rule, err error) {
	body := map[string]any{}
	if u.Match != nil {
		body["match"] = u.Match
	}
	if u.Severity != nil {
		body["severity"] = *u.Severity
	}
	if u.Owner != nil {
		body["owner"] = *u.Owner
	}
	if u.Reason != nil {
		body["reason"] = *u.Reason
	}
	if u.ExpiresAt != nil {
		if body["expiresAt"] = *u.ExpiresAt; u.ExpiresAt.IsZero() {
			body["expiresAt"] = nil
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return r, fmt.Errorf("encode the request: %w", err)
	}
	err = c.send(ctx, request{method: http.MethodPatch, path: "/api/v1/rules/" + url.PathEscape(id), body: jsonBody(raw), repeatable: true}, &r)
	return r, err
}

// EndRule ends a rule, or declines a proposal. One that has ended already, also by an earlier attempt of the same call whose response was
// lost, is CodeConflict.
func (c *Client) EndRule(ctx context.Context, id string) (r Rule, err error) {
	err = c.send(ctx, request{method: http.MethodDelete, path: "/api/v1/rules/" + url.PathEscape(id), repeatable: true}, &r)
	return r, err
}
