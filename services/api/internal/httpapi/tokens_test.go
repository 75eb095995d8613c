package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/tokentest"
)

// TestAttackTokens: what is not exactly an access token of ours, for a session that holds, opens nothing. Mutations, each
// caught by the row of its name: parser options WithIssuer, WithAudience, WithExpirationRequired and
// WithIssuedAt left out; Authenticate without the comparison of user and account.
func TestAttackTokens(t *testing.T) {
	api := apitest.Start(t)
	claims, err := token.NewAccess(apitest.JWTSecret, "", 0).Verify(api.Admin.Bearer)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(t *testing.T, api *apitest.API, bearer string) {
		t.Helper()
		a := api.With(bearer).Get("/api/v1/users/me")
		if a.Status != http.StatusUnauthorized || a.Error.Code != "AUTH_ERROR" || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	for name, forged := range tokentest.Forged(t, apitest.JWTSecret, claims.UserID, claims.AccountID, claims.SessionID) {
		t.Run(name, func(t *testing.T) { refuse(t, api, forged) })
	}
	var made struct{ SetupToken string }
	api.Admin.Post("/api/v1/users", map[string]string{"email": "new@acme.example", "name": "New", "role": "viewer"}).Want(201).Decode(&made)
	for name, other := range map[string]string{
		"a refresh token": api.Admin.Refresh, "a setup token": made.SetupToken, "a key's shown part": api.Key.Bearer[:11],
		"a key with one character more": api.Key.Bearer + "A", "two tokens": api.Admin.Bearer + " " + api.Admin.Bearer, "nothing": "",
	} {
		t.Run(name+" as an access token", func(t *testing.T) { refuse(t, api, other) })
	}
	t.Run("an access token is not a refresh token", func(*testing.T) {
		refresh(api, api.Admin.Bearer[:255]).Want(401)
	})
	t.Run("in the URL or with another scheme it is refused", func(t *testing.T) {
		if a := api.Anonymous.Wrong().Get("/api/v1/users/me?access_token=" + api.Admin.Bearer); a.Status != http.StatusUnauthorized {
			t.Errorf("in the URL: %d", a.Status)
		}
		for _, header := range []string{"Basic " + api.Admin.Bearer, api.Admin.Bearer, "Token " + api.Admin.Bearer} {
			if a := api.Anonymous.Wrong().Get("/api/v1/users/me", "Authorization", header); a.Status != http.StatusUnauthorized {
				t.Errorf("%.10s…: %d", header, a.Status)
			}
		}
	})

	const next = "JWT_SECRET=the-next-secret-of-the-tests-0123456789"
	t.Run("after a rotation the old secret's tokens hold while it is the previous one", func(*testing.T) {
		rotated := apitest.StartOn(t, api.DSN, next, "JWT_SECRET_PREVIOUS="+apitest.JWTSecret)
		rotated.With(api.Admin.Bearer).Get("/api/v1/users/me").Want(200)
		rotated.Admin.Get("/api/v1/users/me").Want(200)
	})
	t.Run("and no longer", func(t *testing.T) {
		rotated := apitest.StartOn(t, api.DSN, next)
		refuse(t, rotated, api.Admin.Bearer)
		refuse(t, api, rotated.Admin.Bearer)
	})
}
