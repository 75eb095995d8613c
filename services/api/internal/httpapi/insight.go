package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

func (s *Server) metricsSummary(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	days := q.days()
	if err := q.err(); err != nil {
		return err
	}
	summary, err := s.options.Insight.Summary(r.Context(), caller(r).AccountID, days)
	if err != nil {
		return err
	}
	return rest.OK(w, newSummaryBody(summary))
}

func (s *Server) costTrend(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	days := q.days()
	if err := q.err(); err != nil {
		return err
	}
	trend, err := s.options.Insight.CostTrend(r.Context(), caller(r).AccountID, days)
	if err != nil {
		return err
	}
	return rest.OK(w, newCostTrendBody(trend))
}

func (s *Server) severityDistribution(w http.ResponseWriter, r *http.Request) error {
	distribution, err := s.options.Insight.BySeverity(r.Context(), caller(r).AccountID)
	if err != nil {
		return err
	}
	return rest.OK(w, newSeveritiesBody(distribution))
}

func (s *Server) statusDistribution(w http.ResponseWriter, r *http.Request) error {
	distribution, err := s.options.Insight.ByStatus(r.Context(), caller(r).AccountID)
	if err != nil {
		return err
	}
	return rest.OK(w, newStatusesBody(distribution))
}
