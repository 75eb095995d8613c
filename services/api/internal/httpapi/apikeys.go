package httpapi

import (
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page, scope := q.part("api-keys")
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.identity.Keys(r.Context(), caller(r), page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newKeyBody), func(k identity.APIKey) list.Place { return list.At(k.CreatedAt, k.ID) })
}

func (s *Server) createKey(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name      string     `json:"name"`
		Scope     string     `json:"scope"`
		ExpiresAt *time.Time `json:"expiresAt"`
		// Null or absent is every workspace.
		Workspaces []string `json:"workspaces"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	apiKey, key, err := s.identity.CreateKey(r.Context(), caller(r), body.Name, body.Scope, body.Workspaces, body.ExpiresAt)
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, createdKeyBody{newKeyBody(apiKey), key})
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.identity.RevokeKey(r.Context(), caller(r), id); err != nil {
		return err
	}
	return rest.OK(w, nil)
}
