package identity_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAttackWeakPassword: no user sets a password that guessers try first, in any way of setting one, and who has one already can
// sign in. A long one holds to its last character. Mutations: the plain check of the length in each of the four places; no bound of the length; the comparison with the case of the list; the
// new rule for signing in; each half of ofOurWords, and its digits and signs left where they are; the
// password cut to 72 bytes, or in lower case.
func TestAttackWeakPassword(t *testing.T) {
	api := apitest.Start(t)
	email := api.Viewer.User.Email
	local, _, _ := strings.Cut(email, "@")
	long := "A wall of 9 bricks. " + strings.Repeat("é ", 50)
	var made struct{ SetupToken string }
	api.Admin.Post("/api/v1/users", map[string]string{"email": "new-colleague@acme.example", "name": "New", "role": "viewer"}).Want(201).Decode(&made)
	for _, weak := range []string{"password1", "Password1", "TRUSTNO1", "jennifer", "administrator", "qwerty123", "12345678", "DriftSentry", "driftsentry-2026!", "..admin123", "example2026"} {
		for way, a := range map[string]*apitest.Response{
			"setup":  api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": made.SetupToken, "newPassword": weak}),
			"change": api.Viewer.Post("/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": weak}),
		} {
			if a.Status != http.StatusBadRequest || a.Error.Details == nil || a.Error.Details.Errors[0].Field != "newPassword" {
				t.Errorf("%s: %s: %d %s", way, weak, a.Status, a.Body)
			}
		}
		if _, _, err := api.Identity.Bootstrap(t.Context(), "acme", "x@acme.example", "X", identity.Viewer, weak); err == nil {
			t.Errorf("bootstrap: %s", weak)
		}
		if _, err := api.Identity.ResetPassword(t.Context(), email, weak); err == nil {
			t.Errorf("reset: %s", weak)
		}
	}
	for _, length := range []string{"Zx9#qP7", strings.Repeat("a wall ", 40)} {
		for way, a := range map[string]*apitest.Response{
			"setup":  api.Anonymous.Wrong().Post("/api/v1/auth/password", map[string]string{"token": made.SetupToken, "newPassword": length}),
			"change": api.Viewer.Wrong().Post("/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": length}),
			"login":  api.Anonymous.Wrong().Post("/api/v1/auth/login", map[string]string{"email": email, "password": length}),
		} {
			if a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d characters: %d %s", way, len(length), a.Status, a.Body)
			}
		}
		if _, err := api.Identity.ResetPassword(t.Context(), email, length); err == nil {
			t.Errorf("reset: %d characters", len(length))
		}
	}
	for _, own := range []string{email, strings.ToUpper(email), local} {
		api.Viewer.Post("/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": own}).Want(http.StatusBadRequest)
	}
	api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": made.SetupToken, "newPassword": "new-Colleague@acme.example"}).Want(http.StatusBadRequest)
	api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": made.SetupToken, "newPassword": long}).Want(http.StatusOK)
	for sent, want := range map[string]int{long: http.StatusOK, long[:len(long)-1]: http.StatusUnauthorized, strings.ToLower(long): http.StatusUnauthorized} {
		api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": "new-colleague@acme.example", "password": sent}).Want(want)
	}

	// As an earlier version stored it.
	if _, err := api.DB.Exec(t.Context(), "update app_user set password_hash = @hash where email = @email",
		pg.Args{"hash": api.Identity.HashOf(t, "password1"), "email": email}); err != nil {
		t.Fatal(err)
	}
	api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": email, "password": "password1"}).Want(http.StatusOK)
}
