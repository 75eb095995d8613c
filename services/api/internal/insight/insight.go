// Package insight is the numbers of a dashboard: what drifts there are, what they cost, how long they stay, and how soon people deal
// with them.
package insight

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/cache"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Store is the database. Everything in it is scoped to an account, except Load. Without workspaces all of them count.
type Store interface {
	// Summary covers the time since then; CostTrend the days from the first one to today.
	Summary(ctx context.Context, account uuid.UUID, workspaces []string, since time.Time) (Summary, error)
	CostTrend(ctx context.Context, account uuid.UUID, workspaces []string, first, today time.Time) ([]CostDay, error)
	// SeverityCounts and StatusCounts also count the suppressed drifts, which are not among the others.
	SeverityCounts(ctx context.Context, account uuid.UUID, workspaces []string) (counts map[drift.Severity]int, suppressed int, err error)
	StatusCounts(ctx context.Context, account uuid.UUID, workspaces []string) (counts map[drift.Status]int, suppressed int, err error)
	ReportStore
}

// Service computes the numbers.
type Service struct {
	store   Store
	targets Targets
	reports *cache.Cache[asked, Report]
}

// New makes the service.
func New(store Store, targets Targets, t Telemetry) (*Service, error) {
	reports, err := cache.New[asked, Report](t.Meter(), "insight", reportsKept, Step)
	return &Service{store, targets, reports}, err
}

// Summary is of the drifts detected and the alerts raised in some time.
type Summary struct {
	Drifts        int // without those that rules ignore, here and below
	Suppressed    int // that rules ignore
	ByStatus      map[drift.Status]int
	BySeverity    map[drift.Severity]int
	Alerts        int
	UnreadAlerts  int
	MonthlyImpact float64  // US dollars, of the drifts that are not resolved
	Savings       float64  // US dollars a month, saved by the rejected drifts, which will be reverted
	MedianSeconds *float64 // to resolve a drift; nil when none was resolved
	P90Seconds    *float64
}

// CostDay is what drift cost on one day, in US dollars a month, without the drifts that rules ignore now.
type CostDay struct {
	Date     string  // UTC
	Cost     float64 // of the drifts that were open when the day ended, or are now
	Resolved float64 // of the drifts that were resolved that day
}

// CostTrend is what drift cost day by day.
type CostTrend struct {
	Days               []CostDay
	Start, End, Change float64
	TotalResolved      float64
}

// Share is the part of the drifts that are of one kind: of a severity, or of a status.
type Share[K ~string] struct {
	Kind       K
	Count      int
	Percentage float64
}

// Distribution is how many drifts there are of each kind.
type Distribution[K ~string] struct {
	Shares     []Share[K]
	Total      int
	Suppressed int // which rules ignore; not in Total
}

// Summary returns the numbers of the last days.
func (s *Service) Summary(ctx context.Context, account uuid.UUID, workspaces []string, days int) (Summary, error) {
	return s.store.Summary(ctx, account, workspaces, time.Now().UTC().AddDate(0, 0, -days))
}

// CostTrend returns one entry for each of the last days; the last one is today.
func (s *Service) CostTrend(ctx context.Context, account uuid.UUID, workspaces []string, days int) (CostTrend, error) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	trend, err := s.store.CostTrend(ctx, account, workspaces, today.AddDate(0, 0, 1-days), today)
	if err != nil {
		return CostTrend{}, err
	}
	t := CostTrend{Days: trend, Start: trend[0].Cost, End: trend[len(trend)-1].Cost}
	t.Change = drift.Cents(t.End - t.Start)
	for _, day := range trend {
		t.TotalResolved = drift.Cents(t.TotalResolved + day.Resolved)
	}
	return t, nil
}

// BySeverity counts all drifts by severity.
func (s *Service) BySeverity(ctx context.Context, account uuid.UUID, workspaces []string) (Distribution[drift.Severity], error) {
	counts, suppressed, err := s.store.SeverityCounts(ctx, account, workspaces)
	return distribute(drift.Severities, counts, suppressed), err
}

// ByStatus counts all drifts by status.
func (s *Service) ByStatus(ctx context.Context, account uuid.UUID, workspaces []string) (Distribution[drift.Status], error) {
	counts, suppressed, err := s.store.StatusCounts(ctx, account, workspaces)
	return distribute(drift.Statuses, counts, suppressed), err
}

// distribute makes the shares of all kinds, in their order, also those without a drift.
func distribute[K ~string](kinds []K, counts map[K]int, suppressed int) Distribution[K] {
	d := Distribution[K]{Shares: make([]Share[K], 0, len(kinds)), Suppressed: suppressed}
	for _, n := range counts {
		d.Total += n
	}
	for _, kind := range kinds {
		d.Shares = append(d.Shares, Share[K]{kind, counts[kind], percentage(counts[kind], d.Total)})
	}
	return d
}

// percentage is the part of all, with one decimal; 0 when there is nothing.
func percentage(part, all int) float64 {
	if all == 0 {
		return 0
	}
	const decimal = 10 // one of them
	return math.Round(100*decimal*float64(part)/float64(all)) / decimal
}
