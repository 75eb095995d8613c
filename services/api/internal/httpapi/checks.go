package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

func (s *Server) listChecks(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page := q.page()
	filter := monitor.CheckFilter{
		Workspace: q.workspace(),
		Status:    choice(q, "status", "", drift.CheckOK, drift.CheckDrifted, drift.CheckErrored),
		Purpose:   choice(q, "purpose", "", drift.Record, drift.Preview),
		From:      q.time("from"),
		To:        q.time("to"),
	}
	if err := q.err(); err != nil {
		return err
	}
	checks, total, err := s.options.Monitor.Checks(r.Context(), caller(r).AccountID, filter, page)
	if err != nil {
		return err
	}
	return writePage(w, checks, newRecordedCheckBody, total, page)
}

func (s *Server) getCheck(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	check, err := s.options.Monitor.Check(r.Context(), caller(r).AccountID, id)
	if err != nil {
		return err
	}
	return rest.OK(w, newRecordedCheckBody(*check))
}
