package drift

import (
	"context"
	"math"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Summary is the dashboard's numbers, of the drifts detected and the alerts raised in some time.
type Summary struct {
	Drifts struct {
		Total      int              `json:"total"`
		ByStatus   map[Status]int   `json:"byStatus"`
		BySeverity map[Severity]int `json:"bySeverity"`
	} `json:"drifts"`
	Alerts struct {
		Total  int `json:"total"`
		Unread int `json:"unread"`
	} `json:"alerts"`
	Cost struct {
		TotalMonthlyImpact float64 `json:"totalMonthlyImpact"` // of those not resolved
		ProjectedSavings   float64 `json:"projectedSavings"`   // of those rejected, which will be reverted
	} `json:"cost"`
	TimeToResolve struct {
		Median *float64 `json:"median"` // seconds; nil when none was resolved
		P90    *float64 `json:"p90"`
	} `json:"timeToResolve"`
}

// CostDay is what drift cost on one day.
type CostDay struct {
	Date     string  `json:"date"`     // UTC
	Cost     float64 `json:"cost"`     // of the drifts that were open when the day ended, or are now
	Resolved float64 `json:"resolved"` // of the drifts that were resolved that day
}

// CostTrend is what drift cost day by day.
type CostTrend struct {
	Trend   []CostDay `json:"trend"`
	Summary struct {
		StartCost     float64 `json:"startCost"`
		EndCost       float64 `json:"endCost"`
		Change        float64 `json:"change"`
		TotalResolved float64 `json:"totalResolved"`
	} `json:"summary"`
}

// SeverityShare is the part of the drifts that has a severity.
type SeverityShare struct {
	Severity   Severity `json:"severity"`
	Count      int      `json:"count"`
	Percentage float64  `json:"percentage"`
}

// StatusShare is the part of the drifts that has a status.
type StatusShare struct {
	Status     Status  `json:"status"`
	Count      int     `json:"count"`
	Percentage float64 `json:"percentage"`
}

// Distribution is how many drifts there are of each kind.
type Distribution[T any] struct {
	Data  []T `json:"data"`
	Total int `json:"total"`
}

// Summary gives the numbers of the last days.
func (s *Service) Summary(ctx context.Context, p identity.Principal, days int) (Summary, error) {
	return s.store.Summary(ctx, p.AccountID, now().AddDate(0, 0, -days))
}

// CostTrend gives the last days, today's last.
func (s *Service) CostTrend(ctx context.Context, p identity.Principal, days int) (CostTrend, error) {
	today := now().Truncate(24 * time.Hour)
	trend, err := s.store.CostTrend(ctx, p.AccountID, today.AddDate(0, 0, 1-days), today)
	if err != nil {
		return CostTrend{}, err
	}
	t := CostTrend{Trend: trend}
	t.Summary.StartCost, t.Summary.EndCost = trend[0].Cost, trend[len(trend)-1].Cost
	t.Summary.Change = cents(t.Summary.EndCost - t.Summary.StartCost)
	for _, day := range trend {
		t.Summary.TotalResolved = cents(t.Summary.TotalResolved + day.Resolved)
	}
	return t, nil
}

// SeverityDistribution counts all drifts by severity.
func (s *Service) SeverityDistribution(ctx context.Context, p identity.Principal) (Distribution[SeverityShare], error) {
	counts, err := s.store.SeverityCounts(ctx, p.AccountID)
	return distribute(Severities, counts, func(severity Severity, count int, percentage float64) SeverityShare {
		return SeverityShare{severity, count, percentage}
	}), err
}

// StatusDistribution counts all drifts by status.
func (s *Service) StatusDistribution(ctx context.Context, p identity.Principal) (Distribution[StatusShare], error) {
	counts, err := s.store.StatusCounts(ctx, p.AccountID)
	return distribute(Statuses, counts, func(status Status, count int, percentage float64) StatusShare {
		return StatusShare{status, count, percentage}
	}), err
}

// distribute makes the shares of all kinds, in their order, those without a drift too.
func distribute[K comparable, T any](kinds []K, counts map[K]int, share func(K, int, float64) T) Distribution[T] {
	d := Distribution[T]{Data: make([]T, 0, len(kinds))}
	for _, n := range counts {
		d.Total += n
	}
	for _, kind := range kinds {
		percentage := 0.0
		if d.Total > 0 {
			const decimal = 10 // one of them
			percentage = math.Round(100*decimal*float64(counts[kind])/float64(d.Total)) / decimal
		}
		d.Data = append(d.Data, share(kind, counts[kind], percentage))
	}
	return d
}
