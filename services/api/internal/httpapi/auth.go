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
	inCookie, err := s.cookies.asked(r)
	if err != nil {
		return err
	}
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
	if inCookie {
		// The cookie of the session before is replaced, so no one could end that session. A value that never was a token is no obstacle.
		if old, err := r.Cookie(s.cookies.name()); err == nil {
			if _, err := s.identity.Logout(r.Context(), old.Value); err != nil && !apierror.Is(err, apierror.Invalid) {
				return err
			}
		}
	}
	return s.giveTokens(w, tokens, inCookie, &selfBody{user.ID, user.Email, user.Name, user.Role})
}

// giveTokens responds with the tokens of a session: in cookie mode, the refresh token is a cookie.
func (s *Server) giveTokens(w http.ResponseWriter, tokens identity.Tokens, inCookie bool, user *selfBody) error {
	if inCookie {
		s.cookies.set(w, tokens)
		tokens.Refresh = ""
	}
	return rest.OK(w, newTokensBody(tokens, user))
}

type refreshBody struct {
	RefreshToken string `json:"refreshToken"`
}

// refreshToken is the refresh token of a request, from its body or, in cookie mode, from its cookie.
func (s *Server) refreshToken(w http.ResponseWriter, r *http.Request) (token string, inCookie bool, err error) {
	if inCookie, err = s.cookies.asked(r); err != nil {
		return "", false, err
	}
	if inCookie {
		token, err = s.cookies.token(w, r)
		return token, true, err
	}
	var body refreshBody
	err = rest.Decode(w, r, &body)
	return body.RefreshToken, false, err
}

// refresh leaves a cookie that is refused where it is: another tab may have just replaced it by a good one.
func (s *Server) refresh(w http.ResponseWriter, r *http.Request) error {
	refresh, inCookie, err := s.refreshToken(w, r)
	if err != nil {
		return err
	}
	tokens, err := s.identity.Refresh(r.Context(), refresh)
	if err != nil {
		return err
	}
	return s.giveTokens(w, tokens, inCookie, nil)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	refresh, inCookie, err := s.refreshToken(w, r)
	if err != nil && !errors.Is(err, errNoCookie) { // Without a cookie there is no session to end.
		return err
	}
	var issuer string
	if err == nil {
		if issuer, err = s.identity.Logout(r.Context(), refresh); err != nil {
			return err
		}
	}
	if inCookie {
		s.cookies.clear(w)
	}
	// Lists and drifts may be kept by the browser, which asks each time whether they changed: their user has gone.
	w.Header().Set("Clear-Site-Data", `"cache"`)
	if url := s.endSessionURL(issuer); url != "" {
		return rest.OK(w, signedOutBody{url})
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
		if err := s.identity.ChangePassword(r.Context(), p, *current, body.NewPassword, s.limits.origin(r, p.Email)); err != nil {
			return err
		}
		s.limits.provedPassword(p)
	}
	return rest.OK(w, nil)
}

func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	profile, err := s.identity.Me(r.Context(), caller(r))
	if err != nil {
		return err
	}
	return rest.OK(w, newMeBody(profile))
}

func (s *Server) updateMe(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name        optional[string]         `json:"name"`
		Preferences optional[map[string]any] `json:"preferences"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	change := identity.ProfileChange{Name: body.Name.value}
	if body.Preferences.value != nil {
		change.Preferences = *body.Preferences.value
	}
	profile, err := s.identity.UpdateMe(r.Context(), caller(r), change)
	if err != nil {
		return err
	}
	return rest.OK(w, newMeBody(profile))
}
