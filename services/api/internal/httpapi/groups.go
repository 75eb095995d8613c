package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

func (s *Server) groupDrifts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter, limit := q.driftFilter(), q.integer("limit", defaultPageSize, maxPageSize)
	if err := q.err(); err != nil {
		return err
	}
	groups, err := s.drifts.Groups(r.Context(), caller(r), filter, limit)
	if err != nil {
		return err
	}
	s.tag(w, r, groups.Head)
	body := groupsBody{Items: bodies(groups.Items, newGroupBody), Total: groups.Total, Drifts: groups.Drifts}
	if cursor, ok := groups.Head.Cursor(); ok {
		body.Cursor = cursor.String()
	}
	return rest.OK(w, body)
}

type groupsBody struct {
	Items  []groupBody `json:"items"`
	Total  int         `json:"total"`
	Drifts int         `json:"drifts"`
	Cursor string      `json:"cursor,omitempty"`
}

type groupBody struct {
	ID           uuid.UUID      `json:"id"`
	ResourceType string         `json:"resourceType"`
	Paths        []pathBody     `json:"paths"`
	PathCount    int            `json:"pathCount"`
	Count        int            `json:"count"`
	BySeverity   severityCounts `json:"bySeverity"`
	Open         int            `json:"open"`
	Workspaces   int            `json:"workspaces"`
	SampleID     uuid.UUID      `json:"sampleId"`
	FirstSeenAt  rest.Time      `json:"firstSeenAt"`
	LastSeenAt   rest.Time      `json:"lastSeenAt"`
}

type pathBody struct {
	Path     string `json:"path"`
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

type severityCounts struct {
	Critical int `json:"critical"`
	Warning  int `json:"warning"`
	Info     int `json:"info"`
}

func newGroupBody(g drift.Group) groupBody {
	return groupBody{
		g.ID, g.ResourceType, bodies(g.Paths, func(p drift.ChangedPath) pathBody { return pathBody(p) }), g.PathCount, g.Count,
		severityCounts{g.Critical, g.Warning, g.Info}, g.Open, g.Workspaces, g.SampleID, rest.Time(g.FirstSeenAt), rest.Time(g.LastSeenAt),
	}
}
