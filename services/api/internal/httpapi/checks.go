package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

func (s *Server) listChecks(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := monitor.CheckFilter{
		Workspace: q.workspaces(),
		Status:    choices(q, "status", drift.CheckOK, drift.CheckDrifted, drift.CheckErrored),
		Purpose:   choice(q, "purpose", "", drift.Record, drift.Preview),
		From:      q.time("from"),
		To:        q.time("to"),
	}
	page, scope := q.part(q.scope("checks", "workspace", "status", "purpose", "from", "to"))
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.options.Monitor.Checks(r.Context(), caller(r).AccountID, filter, page)
	if err != nil {
		return err
	}
	s.tag(w, r, part.Head)
	return writePart(w, scope, page, part, appendBody(newRecordedCheckBody), func(c drift.Check) list.Place { return list.At(c.CreatedAt, c.ID) })
}

func (s *Server) getCheck(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	check, head, err := s.options.Monitor.Check(r.Context(), caller(r).AccountID, id)
	if err != nil {
		return err
	}
	s.tag(w, r, head)
	return rest.OK(w, newRecordedCheckBody(*check))
}
