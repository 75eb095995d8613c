package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page, scope := q.part("users")
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.identity.Users(r.Context(), caller(r), page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newUserBody), func(u identity.User) list.Place { return list.At(u.CreatedAt, u.ID) })
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Email string        `json:"email"`
		Name  string        `json:"name"`
		Role  identity.Role `json:"role"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	user, setup, err := s.identity.CreateUser(r.Context(), caller(r), body.Email, body.Name, body.Role)
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, createdUserBody{setup.Token, rest.Time(setup.ExpiresAt), newUserBody(user)})
}

func (s *Server) issueSetup(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := decodeNothing(w, r); err != nil {
		return err
	}
	user, setup, err := s.identity.IssueSetup(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, createdUserBody{setup.Token, rest.Time(setup.ExpiresAt), newUserBody(user)})
}

func (s *Server) updateUser(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var body struct {
		Email    optional[string]        `json:"email"`
		Name     optional[string]        `json:"name"`
		Role     optional[identity.Role] `json:"role"`
		IsActive optional[bool]          `json:"isActive"`
		// Who gets the API keys of a user that is deactivated.
		HandOverTo optional[uuid.UUID] `json:"handOverTo"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	user, err := s.identity.UpdateUser(r.Context(), caller(r), id, identity.UserChange{
		Email: body.Email.value, Name: body.Name.value, Role: body.Role.value, IsActive: body.IsActive.value,
		HandOverTo: body.HandOverTo.value,
	})
	if err != nil {
		return err
	}
	return rest.OK(w, newUserBody(user))
}
