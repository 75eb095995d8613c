package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func (s *Server) listAlerts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	filter := drift.AlertFilter{
		DriftID:  q.id("driftId"),
		IsRead:   q.boolean("isRead"),
		Severity: choices(q, "severity", drift.Severities...),
		Type:     choices(q, "type", drift.AlertTypes...),
	}
	page, scope := q.part(q.scope("alerts", "driftId", "isRead", "severity", "type"))
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.drifts.ListAlerts(r.Context(), caller(r), filter, page)
	if err != nil {
		return err
	}
	s.tag(w, r, part.Head)
	return writePart(w, scope, page, part, appendBody(newAlertBody), func(a drift.Alert) list.Place { return list.At(a.CreatedAt, a.ID) })
}

func (s *Server) getAlert(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	alert, head, err := s.drifts.Alert(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	s.tag(w, r, head)
	return rest.OK(w, newAlertBody(*alert))
}

func (s *Server) countUnreadAlerts(w http.ResponseWriter, r *http.Request) error {
	count, err := s.drifts.CountUnreadAlerts(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, unreadBody{count})
}

func (s *Server) markAlertRead(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := decodeNothing(w, r); err != nil {
		return err
	}
	alert, err := s.drifts.MarkAlertRead(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return rest.OK(w, newAlertBody(*alert))
}

func (s *Server) markAllAlertsRead(w http.ResponseWriter, r *http.Request) error {
	if err := decodeNothing(w, r); err != nil {
		return err
	}
	count, err := s.drifts.MarkAllAlertsRead(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, markedBody{count})
}

// decodeNothing takes a body that need not be there, and has nothing in it.
func decodeNothing(w http.ResponseWriter, r *http.Request) error {
	if err := rest.RequirePlain(r); err != nil { // An empty body is none that can be decompressed.
		return err
	}
	body, err := rest.ReadBody(w, r, rest.MaxBody)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := rest.RequireJSON(r); err != nil {
		return err
	}
	return rest.Unmarshal(body, &struct{}{})
}
