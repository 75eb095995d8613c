package httpapi

import (
	"net/http"
	"regexp"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

var auditAction = regexp.MustCompile(`^[a-z_]{1,31}\.[a-z_]{1,32}$`)

func (q *query) auditFilter() audit.Filter {
	return audit.Filter{
		DriftID: q.id("driftId"),
		ActorID: q.id("actorId"),
		Action:  q.matching("action", auditAction, "an action such as drift.approved"),
	}
}

func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := q.auditFilter()
	page, scope := q.part(q.scope("audit", "driftId", "actorId", "action"))
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.options.Audit.List(r.Context(), caller(r).AccountID, filter, page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newAuditBody), func(a audit.Row) list.Place { return list.At(a.CreatedAt, a.ID) })
}
