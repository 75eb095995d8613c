package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// caller is who makes a request, on every route that is not open to everyone.
func caller(r *http.Request) identity.Principal { return callOf(r).principal }

func (s *Server) listDrifts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page := q.page()
	filter := drift.Filter{
		Severity:     choice(q, "severity", "", drift.Severities...),
		Status:       choice(q, "status", "", drift.Statuses...),
		Workspace:    q.workspace("workspace"),
		ResourceType: q.text("resourceType", 256),
		Region:       q.text("region", 64),
		Search:       q.text("search", 200),
	}
	order := drift.Order{
		By:        choice(q, "sortBy", drift.ByCreated, drift.SortKeys...),
		Direction: choice(q, "sortOrder", drift.Descending, drift.Ascending, drift.Descending),
	}
	if err := q.err(); err != nil {
		return err
	}
	drifts, total, err := s.drifts.List(r.Context(), caller(r), filter, order, page)
	if err != nil {
		return err
	}
	return writeDrifts(w, drifts, total, page)
}

func (s *Server) getDrift(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	p := caller(r)
	d, err := s.drifts.Get(r.Context(), p, id)
	if err != nil {
		return err
	}
	mayDecide := p.Role.AtLeast(identity.Engineer)
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return appendDetail(b, d, mayDecide) })
	return nil
}

func (s *Server) driftTimeline(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	rows, err := s.options.Audit.Timeline(r.Context(), caller(r).AccountID, id)
	if err != nil {
		return err
	}
	return rest.OK(w, bodies(rows, newTimelineEntry))
}

func (s *Server) createDrift(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		ResourceID        string          `json:"resourceId"`
		ResourceType      string          `json:"resourceType"`
		Region            string          `json:"region"`
		ExpectedState     json.RawMessage `json:"expectedState"`
		ActualState       json.RawMessage `json:"actualState"`
		Severity          *plan.Severity  `json:"severity"`
		CostImpactMonthly float64         `json:"costImpactMonthly"`
		Workspace         *string         `json:"workspace"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	report := drift.Report{
		ResourceID: body.ResourceID, ResourceType: body.ResourceType, Region: body.Region,
		ExpectedState: body.ExpectedState, ActualState: body.ActualState, CostImpactMonthly: body.CostImpactMonthly,
		Workspace: drift.DefaultWorkspace,
	}
	if body.Severity != nil {
		if !slices.Contains(drift.Severities, *body.Severity) {
			return apierror.InvalidField("severity", "must be one of critical, warning, info")
		}
		report.Severity = *body.Severity
	}
	if body.Workspace != nil {
		report.Workspace = *body.Workspace
	}
	d, err := s.drifts.Create(r.Context(), caller(r), report)
	if err != nil {
		return err
	}
	writeDrift(w, http.StatusCreated, d)
	return nil
}
