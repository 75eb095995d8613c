package httpapi

import (
	"net/http"
	"regexp"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

var auditAction = regexp.MustCompile(`^[a-z_]{1,31}\.[a-z_]{1,32}$`)

func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page := q.page()
	filter := drift.AuditFilter{
		DriftID: q.id("driftId"),
		ActorID: q.id("actorId"),
		Action:  q.matching("action", auditAction, "an action such as drift.approved"),
	}
	if err := q.err(); err != nil {
		return err
	}
	rows, total, err := s.drifts.ListAudit(r.Context(), caller(r), filter, page)
	if err != nil {
		return err
	}
	return rest.OK(w, rest.NewPage(rows, total, page.Number, page.Size))
}
