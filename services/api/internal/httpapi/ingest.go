package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

func (s *Server) ingestPlan(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	upload := drift.Upload{
		Workspace:      q.workspace("workspace"),
		Scope:          choice(q, "scope", plan.ScopeUnstated, plan.ScopeFull, plan.ScopePartial),
		IncludeChanges: choice(q, "include", "", "changes") != "",
	}
	if !q.values.Has("workspace") {
		q.refuse("workspace", "is required")
	}
	if err := q.err(); err != nil {
		return err
	}
	if err := rest.RequireJSON(r); err != nil {
		return err
	}
	body, err := s.uploads.open(w, r)
	if err != nil {
		return err
	}
	defer body.release()
	upload.Body, upload.Encode = body, encodeIngested
	result, err := s.drifts.Ingest(r.Context(), caller(r), upload)
	if err != nil {
		return err
	}
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return append(b, result.Response...) })
	return nil
}
