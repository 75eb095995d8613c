package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// caller is who makes a request, on every route that is not open to everyone.
func caller(r *http.Request) identity.Principal { return callOf(r).principal }

func (s *Server) listDrifts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	l := drift.Listing{
		Filter: q.driftFilter(),
		Order: drift.Order{
			By:        choice(q, "sortBy", drift.ByCreated, drift.SortKeys...),
			Direction: choice(q, "sortOrder", drift.Descending, drift.Ascending, drift.Descending),
		},
		States: choice(q, "include", "", "states") == "states",
	}
	var scope listScope
	l.Range, scope = q.part(l.Scope())
	if l.States && l.After == nil && l.Number > 1 {
		q.refuse("page", "must be 1 with include=states, whose pages may end early; go on with cursor")
	}
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.drifts.List(r.Context(), caller(r), l)
	if err != nil {
		return err
	}
	s.tag(w, r, part.Head)
	return writePart(w, scope, l.Range, part, func(b []byte, d *drift.Drift) ([]byte, error) { return appendDrift(b, d), nil },
		func(d *drift.Drift) list.Place { return d.Place(l.Order.By) })
}

// driftFilter says which drifts, in lists, groups, exports and bulk decisions.
func (q *query) driftFilter() drift.Filter {
	return drift.Filter{
		Severity:     choices(q, "severity", drift.Severities...),
		Status:       choices(q, "status", drift.Statuses...),
		Workspace:    q.workspaces(),
		ResourceType: q.texts("resourceType", 256),
		Region:       q.texts("region", 64),
		Origin:       choices(q, "origin", plan.OriginDrift, plan.OriginChange, plan.OriginManual),
		Provider:     q.texts("provider", 256),
		Owner:        q.texts("owner", 200),
		Group:        q.ids("group"),
		Open:         q.boolean("open"),
		From:         q.time("from"),
		To:           q.time("to"),
		Suppressed:   suppressedFilter(q),
		Search:       q.text("search", 200),
	}
}

// suppressedFilter leaves suppressed drifts out, unless the caller asks for them.
func suppressedFilter(q *query) *bool {
	switch choice(q, "suppressed", "false", "false", "true", "any") {
	case "any":
		return nil
	case "true":
		return new(true)
	}
	return new(false)
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
	s.tag(w, r, d.Head)
	mayDecide := p.Role.AtLeast(identity.Engineer)
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return s.appendDetail(b, d, mayDecide) })
	return nil
}

func (s *Server) driftTimeline(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	before := q.id("before")
	if err := q.err(); err != nil {
		return err
	}
	rows, more, err := s.options.Audit.Timeline(r.Context(), caller(r).AccountID, id, before)
	if err != nil {
		return err
	}
	return writeTimeline(w, r, rows, more)
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
