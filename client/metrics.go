package client

import (
	"context"
	"net/url"
	"strconv"
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

// Summary returns the numbers of the last days (1 to 365, 30 for 0).
func (c *Client) Summary(ctx context.Context, days int) (Summary, error) {
	return get[Summary](ctx, c, "/api/v1/metrics/summary", lastDays(days))
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

// CostTrend returns one entry for each of the last days (1 to 365, 30 for 0), today's last.
func (c *Client) CostTrend(ctx context.Context, days int) (CostTrend, error) {
	return get[CostTrend](ctx, c, "/api/v1/metrics/cost-trend", lastDays(days))
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

// SeverityDistribution counts all drifts of the account by severity.
func (c *Client) SeverityDistribution(ctx context.Context) (Distribution, error) {
	return get[Distribution](ctx, c, "/api/v1/metrics/severity-distribution", nil)
}

// StatusDistribution counts all drifts of the account by status.
func (c *Client) StatusDistribution(ctx context.Context) (Distribution, error) {
	return get[Distribution](ctx, c, "/api/v1/metrics/status-distribution", nil)
}

func lastDays(days int) url.Values {
	if days == 0 {
		return nil
	}
	return url.Values{"days": {strconv.Itoa(days)}}
}
