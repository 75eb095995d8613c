package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func (s *Server) listTrusts(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page, scope := q.part("trusts")
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.identity.Trusts(r.Context(), caller(r), page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newTrustBody), func(t identity.Trust) list.Place { return list.At(t.CreatedAt, t.ID) })
}

func (s *Server) createTrust(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name     string            `json:"name"`
		Issuer   string            `json:"issuer"`
		Audience string            `json:"audience"`
		Subject  string            `json:"subject"`
		Claims   map[string]string `json:"claims"`
		// Null or absent is every workspace.
		Workspaces []string `json:"workspaces"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	trust, err := s.identity.CreateTrust(r.Context(), caller(r), identity.NewTrust{
		Name: body.Name, Issuer: body.Issuer, Audience: body.Audience, Subject: body.Subject, Claims: body.Claims, Workspaces: body.Workspaces,
	})
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, newTrustBody(trust))
}

func (s *Server) deleteTrust(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.identity.DeleteTrust(r.Context(), caller(r), id); err != nil {
		return err
	}
	return rest.OK(w, nil)
}
