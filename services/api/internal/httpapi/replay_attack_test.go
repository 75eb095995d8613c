package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAttackAfterRightsAreLost: who was demoted, deactivated or signed out through one replica is out on the other within its cache, and gets
// no stored response meanwhile. Mutations: replay without Reauthenticate, or without allows.
func TestAttackAfterRightsAreLost(t *testing.T) {
	api := apitest.Start(t)
	other := apitest.StartOn(t, api.DSN)
	for change, status := range map[string]int{`{"role":"engineer"}`: http.StatusForbidden, `{"isActive":false}`: http.StatusUnauthorized} {
		t.Run(change, func(t *testing.T) {
			c := api.NewUser("acme", identity.Admin)
			create := func() *apitest.Response {
				return c.Post("/api/v1/api-keys", map[string]string{"name": "one", "scope": "ingest"}, "Idempotency-Key", "k")
			}
			var made struct{ Key string }
			create().Want(201).Decode(&made)
			create().Want(201)
			other.Admin.Do(http.MethodPatch, "/api/v1/users/"+c.User.ID.String(), []byte(change)).Want(200)
			if a := create(); a.Status != status || strings.Contains(string(a.Body), made.Key) {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			// That the cache itself forgets in time is TestService_Authenticate's.
		})
	}
	t.Run("a session that was ended", func(t *testing.T) {
		c := api.NewUser("acme", identity.Admin)
		create := func() *apitest.Response {
			return c.Post("/api/v1/api-keys", map[string]string{"name": "one", "scope": "ingest"}, "Idempotency-Key", "k")
		}
		var made struct{ Key string }
		create().Want(201).Decode(&made)
		create().Want(201)
		other.Admin.Do(http.MethodDelete, "/api/v1/users/"+c.User.ID.String()+"/sessions", nil).Want(200)
		if a := create(); a.Status != http.StatusUnauthorized || strings.Contains(string(a.Body), made.Key) {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
	t.Run("a revoked key", func(*testing.T) {
		var made struct {
			APIKey struct{ ID string }
			Key    string
		}
		api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "ci", "scope": "ingest"}).Want(201).Decode(&made)
		key := api.With(made.Key)
		report := func() *apitest.Response { return key.Post("/api/v1/drifts", reported("one"), "Idempotency-Key", "k") }
		report().Want(201)
		report().Want(201)
		other.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+made.APIKey.ID, nil).Want(200)
		report().Want(401)
	})
}

// TestAttackReplayedSecret: a stored response whose API key was revoked, or whose setup token was replaced, is not given again.
// Mutations: stillHolds that returns nil; SecretHolds without Revoked, without ExpiresAt, or with setup tokens left out;
// SecretHolds of notify without its comparison, or that is true for a channel that is gone.
func TestAttackReplayedSecret(t *testing.T) {
	api := apitest.Start(t)
	over := func(t *testing.T, secret string, again func() *apitest.Response) {
		t.Helper()
		if a := again(); a.Status != http.StatusConflict || strings.Contains(string(a.Body), secret) || secret == "" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	for name, end := range map[string]func(id string){
		"revoked": func(id string) { api.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+id, nil).Want(200) },
		"expired": func(id string) { exec(t, api, "update api_key set expires_at = now() where id = $1", id) },
		"deleted": func(id string) { exec(t, api, "delete from api_key where id = $1", id) },
	} {
		t.Run(name, func(t *testing.T) {
			create := func() *apitest.Response {
				return api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "one", "scope": "ingest"}, "Idempotency-Key", name)
			}
			var made struct {
				APIKey struct{ ID string }
				Key    string
			}
			create().Want(201)
			create().Want(201).Decode(&made)
			end(made.APIKey.ID)
			over(t, made.Key, create)
		})
	}
	t.Run("a setup token", func(t *testing.T) {
		create := func() *apitest.Response {
			return api.Admin.Post("/api/v1/users", map[string]string{"email": "one@acme.example", "name": "One", "role": "viewer"}, "Idempotency-Key", "u")
		}
		var made struct {
			User       struct{ ID string }
			SetupToken string
		}
		create().Want(201).Decode(&made)
		create().Want(201)
		issue := func() *apitest.Response {
			return api.Admin.Post("/api/v1/users/"+made.User.ID+"/setup-token", struct{}{}, "Idempotency-Key", "s")
		}
		var second struct{ SetupToken string }
		issue().Want(201).Decode(&second)
		over(t, made.SetupToken, create)
		if again := issue().Want(201); !strings.Contains(string(again.Body), second.SetupToken) {
			t.Errorf("%s", again.Body)
		}
		api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": second.SetupToken, "newPassword": apitest.Password}).Want(200)
		over(t, second.SetupToken, issue)
	})
	for name, end := range map[string]func(path string){
		"another secret": func(path string) {
			api.Admin.Do(http.MethodPatch, path, map[string]bool{"newSecret": true}).Want(200)
		},
		"no channel": func(path string) { api.Admin.Do(http.MethodDelete, path, nil).Want(200) },
	} {
		t.Run("a webhook with "+name, func(t *testing.T) {
			create := func() *apitest.Response {
				return api.Admin.Post("/api/v1/channels", map[string]string{"name": name, "kind": "webhook", "url": "https://hooks.invalid/x"}, "Idempotency-Key", strings.ReplaceAll(name, " ", "-"))
			}
			var made struct {
				Channel struct{ ID string }
				Secret  string
			}
			create().Want(201)
			create().Want(201).Decode(&made)
			end("/api/v1/channels/" + made.Channel.ID)
			over(t, made.Secret, create)
		})
	}
	t.Run("another user", func(t *testing.T) {
		var first, second struct{ Key string }
		body := map[string]string{"name": "one", "scope": "ingest"}
		api.Admin.Post("/api/v1/api-keys", body, "Idempotency-Key", "same").Want(201).Decode(&first)
		api.NewUser("acme", identity.Admin).Post("/api/v1/api-keys", body, "Idempotency-Key", "same").Want(201).Decode(&second)
		if first.Key == second.Key {
			t.Error("another user got the key")
		}
	})
}
