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
	summary, err := s.drifts.Summary(r.Context(), caller(r), days)
	if err != nil {
		return err
	}
	return rest.OK(w, summary)
}

func (s *Server) costTrend(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	days := q.days()
	if err := q.err(); err != nil {
		return err
	}
	trend, err := s.drifts.CostTrend(r.Context(), caller(r), days)
	if err != nil {
		return err
	}
	return rest.OK(w, trend)
}

func (s *Server) severityDistribution(w http.ResponseWriter, r *http.Request) error {
	distribution, err := s.drifts.SeverityDistribution(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, distribution)
}

func (s *Server) statusDistribution(w http.ResponseWriter, r *http.Request) error {
	distribution, err := s.drifts.StatusDistribution(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, distribution)
}
