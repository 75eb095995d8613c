package httpapi

import (
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
)

type summaryBody struct {
	Drifts struct {
		Total      int                    `json:"total"`
		ByStatus   map[drift.Status]int   `json:"byStatus"`
		BySeverity map[drift.Severity]int `json:"bySeverity"`
		Suppressed int                    `json:"suppressed"`
	} `json:"drifts"`
	Alerts struct {
		Total  int `json:"total"`
		Unread int `json:"unread"`
	} `json:"alerts"`
	Cost struct {
		TotalMonthlyImpact float64 `json:"totalMonthlyImpact"`
		ProjectedSavings   float64 `json:"projectedSavings"`
	} `json:"cost"`
	TimeToResolve struct {
		Median *float64 `json:"median"`
		P90    *float64 `json:"p90"`
	} `json:"timeToResolve"`
}

func newSummaryBody(s insight.Summary) (b summaryBody) {
	b.Drifts.Total, b.Drifts.ByStatus, b.Drifts.BySeverity = s.Drifts, s.ByStatus, s.BySeverity
	b.Drifts.Suppressed = s.Suppressed
	b.Alerts.Total, b.Alerts.Unread = s.Alerts, s.UnreadAlerts
	b.Cost.TotalMonthlyImpact, b.Cost.ProjectedSavings = s.MonthlyImpact, s.Savings
	b.TimeToResolve.Median, b.TimeToResolve.P90 = s.MedianSeconds, s.P90Seconds
	return b
}

type costTrendBody struct {
	Trend   []costDayBody `json:"trend"`
	Summary struct {
		StartCost     float64 `json:"startCost"`
		EndCost       float64 `json:"endCost"`
		Change        float64 `json:"change"`
		TotalResolved float64 `json:"totalResolved"`
	} `json:"summary"`
}

type costDayBody struct {
	Date     string  `json:"date"`
	Cost     float64 `json:"cost"`
	Resolved float64 `json:"resolved"`
}

func newCostTrendBody(t insight.CostTrend) (b costTrendBody) {
	b.Trend = bodies(t.Days, func(d insight.CostDay) costDayBody { return costDayBody(d) })
	b.Summary.StartCost, b.Summary.EndCost = t.Start, t.End
	b.Summary.Change, b.Summary.TotalResolved = t.Change, t.TotalResolved
	return b
}

type distributionBody[T any] struct {
	Data  []T `json:"data"`
	Total int `json:"total"`
	// Suppressed drifts are not in Total.
	Suppressed int `json:"suppressed"`
}

type severityShareBody struct {
	Severity   drift.Severity `json:"severity"`
	Count      int            `json:"count"`
	Percentage float64        `json:"percentage"`
}

func newSeveritiesBody(d insight.Distribution[drift.Severity]) distributionBody[severityShareBody] {
	return distributionBody[severityShareBody]{bodies(d.Shares, func(s insight.Share[drift.Severity]) severityShareBody {
		return severityShareBody{s.Kind, s.Count, s.Percentage}
	}), d.Total, d.Suppressed}
}

type statusShareBody struct {
	Status     drift.Status `json:"status"`
	Count      int          `json:"count"`
	Percentage float64      `json:"percentage"`
}

func newStatusesBody(d insight.Distribution[drift.Status]) distributionBody[statusShareBody] {
	return distributionBody[statusShareBody]{bodies(d.Shares, func(s insight.Share[drift.Status]) statusShareBody {
		return statusShareBody{s.Kind, s.Count, s.Percentage}
	}), d.Total, d.Suppressed}
}
