package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page, scope := q.part("sessions")
	if err := q.err(); err != nil {
		return err
	}
	p := caller(r)
	part, err := s.identity.Sessions(r.Context(), p, page)
	if err != nil {
		return err
	}
	body := func(session identity.Session) openSessionBody { return newOpenSessionBody(session, p.SessionID) }
	return writePart(w, scope, page, part, appendBody(body), func(s identity.Session) list.Place { return list.At(s.CreatedAt, s.ID) })
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.identity.EndSession(r.Context(), caller(r), id); err != nil {
		return err
	}
	return rest.OK(w, nil)
}

func (s *Server) endOtherSessions(w http.ResponseWriter, r *http.Request) error {
	ended, err := s.identity.EndOtherSessions(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, endedBody{ended})
}

func (s *Server) endUserSessions(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	ended, err := s.identity.EndUserSessions(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return rest.OK(w, endedBody{ended})
}
