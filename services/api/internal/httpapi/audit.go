package httpapi

import (
	"net/http"
	"regexp"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

var auditAction = regexp.MustCompile(`^[a-z_]{1,31}\.[a-z_]{1,32}$`)

func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page := q.page()
	filter := audit.Filter{
		DriftID: q.id("driftId"),
		ActorID: q.id("actorId"),
		Action:  q.matching("action", auditAction, "an action such as drift.approved"),
	}
	if err := q.err(); err != nil {
		return err
	}
	rows, total, err := s.options.Audit.List(r.Context(), caller(r).AccountID, filter, page.Size, page.Offset())
	if err != nil {
		return err
	}
	return writePage(w, rows, newAuditBody, total, page)
}
