package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

type keyBody struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	Prefix     string     `json:"prefix"`
	CreatedAt  rest.Time  `json:"createdAt"`
	ExpiresAt  *rest.Time `json:"expiresAt"`
	LastUsedAt *rest.Time `json:"lastUsedAt"`
	CreatedBy  string     `json:"createdBy"`
}

func newKeyBody(k identity.APIKey) keyBody {
	return keyBody{
		k.ID, k.Name, k.Scope, k.Prefix, rest.Time(k.CreatedAt), rest.TimePtr(k.ExpiresAt), rest.TimePtr(k.LastUsedAt), k.CreatedBy,
	}
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page := q.page()
	if err := q.err(); err != nil {
		return err
	}
	keys, total, err := s.identity.Keys(r.Context(), caller(r), page.Size, page.Offset())
	if err != nil {
		return err
	}
	return writePage(w, keys, newKeyBody, total, page)
}

func (s *Server) createKey(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name      string     `json:"name"`
		Scope     string     `json:"scope"`
		ExpiresAt *time.Time `json:"expiresAt"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	apiKey, key, err := s.identity.CreateKey(r.Context(), caller(r), body.Name, body.Scope, body.ExpiresAt)
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, map[string]any{"apiKey": newKeyBody(apiKey), "key": key})
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
