package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
)

func (s *Server) metricsSummary(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	days, workspaces := q.days(), q.workspaces()
	if err := q.err(); err != nil {
		return err
	}
	summary, err := s.options.Insight.Summary(r.Context(), caller(r).AccountID, workspaces, days)
	if err != nil {
		return err
	}
	return rest.OK(w, newSummaryBody(summary))
}

func (s *Server) costTrend(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	days, workspaces := q.days(), q.workspaces()
	if err := q.err(); err != nil {
		return err
	}
	trend, err := s.options.Insight.CostTrend(r.Context(), caller(r).AccountID, workspaces, days)
	if err != nil {
		return err
	}
	return rest.OK(w, newCostTrendBody(trend))
}

func (s *Server) severityDistribution(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	workspaces := q.workspaces()
	if err := q.err(); err != nil {
		return err
	}
	distribution, err := s.options.Insight.BySeverity(r.Context(), caller(r).AccountID, workspaces)
	if err != nil {
		return err
	}
	return rest.OK(w, newSeveritiesBody(distribution))
}

func (s *Server) statusDistribution(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	workspaces := q.workspaces()
	if err := q.err(); err != nil {
		return err
	}
	distribution, err := s.options.Insight.ByStatus(r.Context(), caller(r).AccountID, workspaces)
	if err != nil {
		return err
	}
	return rest.OK(w, newStatusesBody(distribution))
}

func (s *Server) insights(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	query := q.insight()
	query.By = insight.BySeverity
	if err := q.err(); err != nil {
		return err
	}
	return s.writeInsight(w, r, query, func(report insight.Report) any { return newInsightsBody(report, s.options.Insight.Targets()) })
}

func (s *Server) insightGroups(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	query := q.insight()
	query.By = choice(q, "by", insight.ByType, insight.ByType, insight.ByWorkspace, insight.ByOwner, insight.ByRule)
	query.SortBy = choice(q, "sortBy", insight.SortByNoise, insight.SortByNoise, insight.SortByUnsettled, insight.SortByOverdue)
	query.Limit = q.integer("limit", defaultPageSize, maxPageSize)
	if err := q.err(); err != nil {
		return err
	}
	return s.writeInsight(w, r, query, func(report insight.Report) any { return newInsightGroupsBody(report, query.By) })
}

// insight says what a report is about.
func (q *query) insight() insight.Query {
	return insight.Query{
		Days: q.days(), Workspace: q.workspaces(), Owner: q.texts("owner", 200), Severity: choices(q, "severity", drift.Severities...),
	}
}

// writeInsight sends a report, or 304 to a caller that has it. Its ETag also has the time, which moves in steps.
func (s *Server) writeInsight(w http.ResponseWriter, r *http.Request, query insight.Query, body func(insight.Report) any) error {
	head, err := s.drifts.Head(r.Context(), caller(r))
	if err != nil {
		return err
	}
	if _, now := insight.At(head); now != "" && matches(r.Header.Values("If-None-Match"), s.etag(r, now)) {
		s.tag(w, r, now)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	report, err := s.options.Insight.Report(r.Context(), caller(r).AccountID, query, head)
	if err != nil {
		return err
	}
	s.tag(w, r, report.Head)
	return rest.OK(w, body(report))
}
