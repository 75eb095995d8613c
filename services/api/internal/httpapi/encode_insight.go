package httpapi

import (
	"math"
	"time"

	"github.com/driftsentry/driftsentry/pkg/rest"
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

type insightsBody struct {
	AsOf       rest.Time       `json:"asOf"`
	Since      rest.Time       `json:"since"`
	Total      numbersBody     `json:"total"`
	BySeverity []severityBody  `json:"bySeverity"`
	Targets    map[string]*int `json:"targets"`
}

type severityBody struct {
	Severity string      `json:"severity"`
	Numbers  numbersBody `json:"numbers"`
}

func newInsightsBody(r insight.Report, t insight.Targets) insightsBody {
	b := insightsBody{AsOf: rest.Time(r.At), Since: rest.Time(r.Since), Total: newNumbersBody(r.Total), Targets: map[string]*int{}}
	for _, severity := range drift.Severities {
		b.Targets[string(severity)] = nil
		if target := t.Of(severity); target > 0 {
			b.Targets[string(severity)] = new(int(target.Seconds()))
		}
	}
	b.BySeverity = bodies(r.Numbers, func(n insight.Numbers) severityBody { return severityBody{*n.Key, newNumbersBody(n)} })
	return b
}

type insightGroupsBody struct {
	AsOf  rest.Time          `json:"asOf"`
	Since rest.Time          `json:"since"`
	By    insight.By         `json:"by"`
	Items []insightGroupBody `json:"items"`
	Total int                `json:"total"`
}

type insightGroupBody struct {
	Key     *string     `json:"key"`
	Reason  *string     `json:"reason"`
	Numbers numbersBody `json:"numbers"`
}

func newInsightGroupsBody(r insight.Report, by insight.By) insightGroupsBody {
	return insightGroupsBody{rest.Time(r.At), rest.Time(r.Since), by, bodies(r.Numbers, func(n insight.Numbers) insightGroupBody {
		return insightGroupBody{n.Key, n.Label, newNumbersBody(n)}
	}), r.Groups}
}

type numbersBody struct {
	Open struct {
		Total      int `json:"total"`
		Unsettled  int `json:"unsettled"`
		Approved   int `json:"approved"`
		Suppressed int `json:"suppressed"`
	} `json:"open"`
	Age struct {
		spreadBody
		Buckets []ageBucketBody `json:"buckets"`
	} `json:"age"`
	Detected struct {
		Total      int `json:"total"`
		New        int `json:"new"`
		Returned   int `json:"returned"`
		Reopened   int `json:"reopened"`
		Suppressed int `json:"suppressed"`
	} `json:"detected"`
	Decision   spreadBody `json:"decision"`
	Resolution spreadBody `json:"resolution"`
	SLA        struct {
		Overdue int      `json:"overdue"`
		Late    int      `json:"late"`
		InTime  int      `json:"inTime"`
		Met     *float64 `json:"met"`
	} `json:"sla"`
}

type spreadBody struct {
	Count  int      `json:"count"`
	Median *float64 `json:"median"`
	P90    *float64 `json:"p90"`
	Max    *float64 `json:"max"`
}

type ageBucketBody struct {
	BelowDays *int `json:"belowDays"`
	Count     int  `json:"count"`
}

func newNumbersBody(n insight.Numbers) (b numbersBody) {
	b.Open.Total, b.Open.Unsettled, b.Open.Approved, b.Open.Suppressed = n.Open, n.Unsettled, n.Approved, n.Suppressed
	b.Age.spreadBody, b.Decision, b.Resolution = newSpreadBody(n.Age), newSpreadBody(n.Decision), newSpreadBody(n.Resolution)
	b.Age.Buckets = make([]ageBucketBody, len(insight.AgeBounds)+1)
	for i := range b.Age.Buckets {
		if i < len(insight.AgeBounds) {
			b.Age.Buckets[i].BelowDays = new(int(insight.AgeBounds[i] / (24 * time.Hour)))
		}
		if i < len(n.Ages) { // The total of nothing has none.
			b.Age.Buckets[i].Count = n.Ages[i]
		}
	}
	b.Detected.New, b.Detected.Returned, b.Detected.Reopened, b.Detected.Suppressed = n.New, n.Returned, n.Reopened, n.SuppressedNew
	b.Detected.Total = n.New + n.Returned + n.Reopened
	b.SLA.Overdue, b.SLA.Late, b.SLA.InTime, b.SLA.Met = n.Overdue, n.Late, n.InTime, n.Met()
	return b
}

// newSpreadBody rounds to seconds.
func newSpreadBody(s insight.Spread) spreadBody {
	round := func(v *float64) *float64 {
		if v == nil {
			return nil
		}
		return new(math.Round(*v))
	}
	return spreadBody{s.Count, round(s.Median), round(s.P90), round(s.Max)}
}
