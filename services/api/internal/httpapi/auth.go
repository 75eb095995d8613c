package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// optional is a property that may be absent, but not null.
type optional[T any] struct{ value *T }

// UnmarshalJSON implements json.Unmarshaler.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return errors.New("null is not a value here; leave the property out")
	}
	o.value = new(T)
	return json.Unmarshal(data, o.value)
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if err := identity.CheckSignIn(body.Email, body.Password); err != nil {
		return err
	}
	if err := s.limits.loginFrom(r); err != nil {
		return err
	}
	if err := s.limits.login(r, body.Email); err != nil {
		return err
	}
	tokens, user, err := s.identity.Login(r.Context(), body.Email, body.Password, s.limits.origin(r, body.Email))
	if err != nil {
		return err
	}
	s.limits.loggedIn(r, body.Email)
	return rest.OK(w, newTokensBody(tokens, &selfBody{user.ID, user.Email, user.Name, user.Role}))
}

type refreshBody struct {
	RefreshToken string `json:"refreshToken"`
}

func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	var body refreshBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	tokens, err := s.identity.Refresh(r.Context(), body.RefreshToken)
	if err != nil {
		return err
	}
	return rest.OK(w, newTokensBody(tokens, nil))
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	var body refreshBody
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	if err := s.identity.Logout(r.Context(), body.RefreshToken); err != nil {
		return err
	}
	return rest.OK(w, nil)
}

// changePassword takes a setup token, from a stranger, or the current password, from a user.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Token           optional[string] `json:"token"`
		CurrentPassword optional[string] `json:"currentPassword"`
		NewPassword     string           `json:"newPassword"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	setup, current := body.Token.value, body.CurrentPassword.value
	switch {
	case (setup == nil) == (current == nil):
		return apierror.New(apierror.Invalid, "either a setup token or the current password is needed")
	case setup != nil:
		if err := s.limits.loginFrom(r); err != nil {
			return err
		}
		if err := s.identity.SetupPassword(r.Context(), *setup, body.NewPassword); err != nil {
			return err
		}
	default:
		p, err := s.authenticate(r)
		if err != nil {
			return err
		}
		if p.IsKey() {
			return apierror.New(apierror.Forbidden, "an API key has no password")
		}
		if err := s.limits.currentPassword(r, p); err != nil {
			return err
		}
		if err := s.identity.ChangePassword(r.Context(), p, *current, body.NewPassword); err != nil {
			return err
		}
		s.limits.provedPassword(p)
	}
	return rest.OK(w, nil)
}

func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	state, err := s.identity.Me(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, newMeBody(state))
}
