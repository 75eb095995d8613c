package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DriftAction is what a decision does.
type DriftAction string

// The actions that a bulk decision can have.
const (
	Approve DriftAction = "approve"
	Reject  DriftAction = "reject"
	Reopen  DriftAction = "reopen"
	Triage  DriftAction = "triage"
)

// BulkDecision is one decision about many drifts: those in IDs, or those that Query fits.
type BulkDecision struct {
	Action DriftAction
	Reason string    // as in Decision; triage has none
	Until  time.Time // as in Decision
	IDs    []string  // at most 500
	// Versions are those that were seen of the drifts in IDs, by ID.
	Versions map[string]int
	// Query chooses the drifts by its filters, such as Group. Its order does not matter. ExpectedCount is how many they are, at most 500: if
	// there are others now, the error is CodeConflict, and nothing has changed.
	Query         *DriftQuery
	ExpectedCount int
}

// BulkResult has a result for each drift.
type BulkResult struct {
	Decided int           `json:"decided"`
	Results []DriftResult `json:"results"`
}

// DriftResult is that of one drift.
type DriftResult struct {
	ID      string      `json:"id"`
	Decided bool        `json:"decided"`
	Status  DriftStatus `json:"status"`  // the present one; empty when there is no such drift
	Version int         `json:"version"` // the present one
	Error   *struct {   // why the decision does not fit it
		Code    Code   `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// DecideDrifts decides about many drifts in one transaction. A drift that the decision does not fit stays as it is.
func (c *Client) DecideDrifts(ctx context.Context, d BulkDecision) (BulkResult, error) {
	body := struct {
		Action        DriftAction    `json:"action"`
		Reason        string         `json:"reason,omitempty"`
		Until         time.Time      `json:"until,omitzero"`
		IDs           []string       `json:"ids,omitempty"`
		Versions      map[string]int `json:"versions,omitempty"`
		Filter        any            `json:"filter,omitempty"`
		ExpectedCount int            `json:"expectedCount,omitempty"`
	}{d.Action, d.Reason, d.Until, d.IDs, d.Versions, nil, d.ExpectedCount}
	if d.Query != nil {
		body.Filter = filterBody(d.Query.values())
	}
	return post[BulkResult](ctx, c, "/api/v1/drifts/bulk", body)
}

// filterBody is the filters of a list as a body has them.
func filterBody(values url.Values) map[string]any {
	filter := map[string]any{}
	for name, v := range values {
		switch name {
		case "sortBy", "sortOrder", "include":
		case "open":
			filter[name], _ = strconv.ParseBool(v[0]) // We wrote it.
		case "from", "to", "search", "suppressed":
			filter[name] = v[0]
		default:
			filter[name] = strings.Split(v[0], ",")
		}
	}
	return filter
}

// DriftGroup is drifts of one type in which the same paths changed, between values of the same JSON types.
type DriftGroup struct {
	ID           string        `json:"id"` // for DriftQuery.Group; the same tomorrow
	ResourceType string        `json:"resourceType"`
	Paths        []ChangedPath `json:"paths"` // the first 20
	PathCount    int           `json:"pathCount"`
	Count        int           `json:"count"` // of its drifts that pass the query
	BySeverity   struct {
		Critical int `json:"critical"`
		Warning  int `json:"warning"`
		Info     int `json:"info"`
	} `json:"bySeverity"`
	Open        int       `json:"open"`
	Workspaces  int       `json:"workspaces"`
	SampleID    string    `json:"sampleId"` // one of its drifts
	FirstSeenAt time.Time `json:"firstSeenAt"`
	LastSeenAt  time.Time `json:"lastSeenAt"`
}

// ChangedPath is a path with the JSON types of its two sides, such as null, number or object.
type ChangedPath struct {
	Path     string `json:"path"` // [*] is any member of a list
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

// DriftGroups are the largest groups of drifts.
type DriftGroups struct {
	Items  []DriftGroup `json:"items"`
	Total  int          `json:"total"`            // groups
	Drifts int          `json:"drifts"`           // of all groups
	Cursor string       `json:"cursor,omitempty"` // as in List
}

// ListDriftGroups groups the drifts that pass the query's filters by what changed, and gives the largest groups, 1 to 100 of them, 20 for
// 0.
func (c *Client) ListDriftGroups(ctx context.Context, q DriftQuery, most int) (DriftGroups, error) {
	query := q.filters()
	if most > 0 {
		query.Set("limit", strconv.Itoa(most))
	}
	return get[DriftGroups](ctx, c, "/api/v1/drifts/groups", query)
}

// filters are the query without its order.
func (q DriftQuery) filters() url.Values {
	q.SortBy, q.SortOrder, q.IncludeStates = "", "", false
	return q.values()
}
