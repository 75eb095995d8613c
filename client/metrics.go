package client

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Summary is a dashboard's numbers.
type Summary struct {
	Drifts struct {
		Total      int                 `json:"total"`
		ByStatus   map[DriftStatus]int `json:"byStatus"`
		BySeverity map[Severity]int    `json:"bySeverity"`
		Suppressed int                 `json:"suppressed"` // rules ignore them; the other numbers are without them
	} `json:"drifts"`
	Alerts struct {
		Total  int `json:"total"`
		Unread int `json:"unread"`
	} `json:"alerts"`
	Cost struct { // US dollars a month
		TotalMonthlyImpact float64 `json:"totalMonthlyImpact"`
		ProjectedSavings   float64 `json:"projectedSavings"`
	} `json:"cost"`
	TimeToResolve struct { // seconds; nil when no drift was resolved
		Median *float64 `json:"median"`
		P90    *float64 `json:"p90"`
	} `json:"timeToResolve"`
}

// Summary returns the numbers of the last days (1 to 365, 30 for 0), of these workspaces or of all.
func (c *Client) Summary(ctx context.Context, days int, workspaces ...string) (Summary, error) {
	return get[Summary](ctx, c, "/api/v1/metrics/summary", window(days, workspaces))
}

// CostTrend is what drift costs, day by day, in US dollars a month.
type CostTrend struct {
	Trend []struct {
		Date     string  `json:"date"` // 2026-03-01
		Cost     float64 `json:"cost"`
		Resolved float64 `json:"resolved"`
	} `json:"trend"`
	Summary struct {
		StartCost     float64 `json:"startCost"`
		EndCost       float64 `json:"endCost"`
		Change        float64 `json:"change"`
		TotalResolved float64 `json:"totalResolved"`
	} `json:"summary"`
}

// CostTrend returns one entry for each of the last days (1 to 365, 30 for 0), today's last, of these
// workspaces or of all.
func (c *Client) CostTrend(ctx context.Context, days int, workspaces ...string) (CostTrend, error) {
	return get[CostTrend](ctx, c, "/api/v1/metrics/cost-trend", window(days, workspaces))
}

// Share is a part of all drifts.
type Share struct {
	Severity   Severity    `json:"severity,omitempty"` // of a distribution by severity
	Status     DriftStatus `json:"status,omitempty"`   // of a distribution by status
	Count      int         `json:"count"`
	Percentage float64     `json:"percentage"`
}

// Distribution is how drifts divide.
type Distribution struct {
	Data  []Share `json:"data"`
	Total int     `json:"total"`
	// Suppressed drifts, which rules ignore, are not in Total.
	Suppressed int `json:"suppressed"`
}

// SeverityDistribution counts all drifts of these workspaces, or of all, by severity.
func (c *Client) SeverityDistribution(ctx context.Context, workspaces ...string) (Distribution, error) {
	return get[Distribution](ctx, c, "/api/v1/metrics/severity-distribution", window(0, workspaces))
}

// StatusDistribution counts all drifts of these workspaces, or of all, by status.
func (c *Client) StatusDistribution(ctx context.Context, workspaces ...string) (Distribution, error) {
	return get[Distribution](ctx, c, "/api/v1/metrics/status-distribution", window(0, workspaces))
}

// InsightQuery says what the numbers are about. A zero field does not filter; AnyOf gives a field several values.
type InsightQuery struct {
	Days      int // how far to look back: 1 to 365, 30 for 0
	Workspace string
	Owner     string
	Severity  Severity
}

func (q InsightQuery) values() url.Values {
	v := window(q.Days, nil)
	set(v, "workspace", q.Workspace)
	set(v, "owner", q.Owner)
	set(v, "severity", q.Severity)
	return v
}

// InsightNumbers says how soon drifts are dealt with. Times are in seconds.
type InsightNumbers struct {
	Open struct {
		Total      int `json:"total"`
		Unsettled  int `json:"unsettled"` // neither approved nor suppressed
		Approved   int `json:"approved"`
		Suppressed int `json:"suppressed"` // not in the total
	} `json:"open"`
	Age struct { // of the unsettled drifts, since they were detected
		Spread
		Buckets []struct {
			BelowDays *int `json:"belowDays"` // nil for those that are older
			Count     int  `json:"count"`
		} `json:"buckets"`
	} `json:"age"`
	Detected struct {
		Total      int `json:"total"`
		New        int `json:"new"`
		Returned   int `json:"returned"` // after a drift of the same resource was resolved
		Reopened   int `json:"reopened"`
		Suppressed int `json:"suppressed"` // of the total
	} `json:"detected"`
	Decision   Spread   `json:"decision"`   // from detection to a person's decision
	Resolution Spread   `json:"resolution"` // from detection to resolution
	SLA        struct { // against the targets
		Overdue int      `json:"overdue"`
		Late    int      `json:"late"`
		InTime  int      `json:"inTime"`
		Met     *float64 `json:"met"` // percent; nil when the three are 0
	} `json:"sla"`
}

// Spread is how long something took, in seconds; the times are nil when the count is 0.
type Spread struct {
	Count  int      `json:"count"`
	Median *float64 `json:"median"`
	P90    *float64 `json:"p90"`
	Max    *float64 `json:"max"`
}

// Insights are the numbers of a window of time.
type Insights struct {
	AsOf       time.Time      `json:"asOf"`
	Since      time.Time      `json:"since"`
	Total      InsightNumbers `json:"total"`
	BySeverity []struct {
		Severity Severity       `json:"severity"`
		Numbers  InsightNumbers `json:"numbers"`
	} `json:"bySeverity"`
	Targets map[Severity]*int `json:"targets"` // in seconds; nil where there is none
}

// Insights says how soon drifts are dealt with.
func (c *Client) Insights(ctx context.Context, q InsightQuery) (Insights, error) {
	return get[Insights](ctx, c, "/api/v1/metrics/insights", q.values())
}

// InsightGroups are the numbers by type, workspace, owner or rule.
type InsightGroups struct {
	AsOf  time.Time `json:"asOf"`
	Since time.Time `json:"since"`
	By    string    `json:"by"`
	Items []struct {
		Key     *string        `json:"key"`    // nil for the drifts without an owner
		Reason  *string        `json:"reason"` // of a rule
		Numbers InsightNumbers `json:"numbers"`
	} `json:"items"`
	Total int `json:"total"` // groups
}

// ListInsightGroups groups the numbers by "type" (for ""), "workspace", "owner" or "rule", and gives the first limit groups (1 to 100, 20 for
// 0), sorted by "noise" (for ""), "unsettled" or "overdue".
func (c *Client) ListInsightGroups(ctx context.Context, q InsightQuery, by, sortBy string, limit int) (InsightGroups, error) {
	v := q.values()
	set(v, "by", by)
	set(v, "sortBy", sortBy)
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return get[InsightGroups](ctx, c, "/api/v1/metrics/insights/groups", v)
}

func window(days int, workspaces []string) url.Values {
	v := url.Values{}
	if days != 0 {
		v.Set("days", strconv.Itoa(days))
	}
	set(v, "workspace", strings.Join(workspaces, ","))
	return v
}
