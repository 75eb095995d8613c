package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAttackSetupToken: a setup token is void when an admin makes another one, when its user's email changes, and when the user is
// deactivated, also after an activation; when its user chooses a password; and when the admin who made it is one no more. Mutations: SpendSetupTokens left out of IssueSetup; each half of UpdateUser's condition
// for it; IssueSetup without its three refusals; ChangePassword without SpendSetupTokens; each half of the condition for
// SpendSetupTokensBy; the maker left out of CreateUser or IssueSetup.
func TestAttackSetupToken(t *testing.T) {
	api := apitest.Start(t)
	type made struct {
		User       struct{ ID, Email string }
		SetupToken string
	}
	create := func(name string) (m made) {
		api.Admin.Post("/api/v1/users", map[string]string{"email": name + "@acme.example", "name": name, "role": "viewer"}).Want(201).Decode(&m)
		return m
	}
	patch := func(m made, body string) {
		api.Admin.Do(http.MethodPatch, "/api/v1/users/"+m.User.ID, []byte(body)).Want(200)
	}
	issue := func(by *apitest.Client, id string) *apitest.Response {
		return by.Post("/api/v1/users/"+id+"/setup-token", struct{}{})
	}
	use := func(token string) *apitest.Response {
		return api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": token, "newPassword": apitest.Password})
	}
	t.Run("another one", func(*testing.T) {
		m := create("another")
		neighbour := create("neighbour")
		var second made
		issue(api.Admin, m.User.ID).Want(201).Decode(&second)
		use(m.SetupToken).Want(401)
		use(second.SetupToken).Want(200)
		api.SignIn(m.User.Email)
		use(neighbour.SetupToken).Want(200)
	})
	t.Run("another email", func(*testing.T) {
		m := create("typo")
		patch(m, `{"name":"Only the name"}`)
		patch(m, `{"email":"correct@acme.example"}`)
		use(m.SetupToken).Want(401)
		var second made
		issue(api.Admin, m.User.ID).Want(201).Decode(&second)
		use(second.SetupToken).Want(200)
		api.SignIn("correct@acme.example")
	})
	t.Run("another name", func(*testing.T) {
		m := create("same")
		patch(m, `{"name":"Only the name","email":"same@acme.example"}`)
		use(m.SetupToken).Want(200)
	})
	t.Run("deactivated", func(*testing.T) {
		m := create("gone")
		patch(m, `{"isActive":false}`)
		issue(api.Admin, m.User.ID).Want(409)
		patch(m, `{"isActive":true}`)
		use(m.SetupToken).Want(401)
		issue(api.Admin, m.User.ID).Want(201)
	})
	t.Run("a password of one's own", func(*testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		var m made
		issue(api.Admin, c.User.ID.String()).Want(201).Decode(&m)
		c.Post("/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": "a better password"}).Want(200)
		use(m.SetupToken).Want(401)
	})
	for name, body := range map[string]string{"deactivated": `{"isActive":false}`, "demoted": `{"role":"engineer"}`} {
		t.Run("its maker is "+name, func(*testing.T) {
			leaver, known := api.NewUser("acme", identity.Admin), api.NewUser("acme", identity.Admin)
			var invited, reset, kept made
			leaver.Post("/api/v1/users", map[string]string{"email": name + "2@acme.example", "name": name, "role": "admin"}).Want(201).Decode(&invited)
			issue(leaver, known.User.ID.String()).Want(201).Decode(&reset)
			kept = create("kept-" + name)
			api.Admin.Do(http.MethodPatch, "/api/v1/users/"+leaver.User.ID.String(), []byte(body)).Want(200)
			use(invited.SetupToken).Want(401)
			use(reset.SetupToken).Want(401)
			use(kept.SetupToken).Want(200)
		})
	}
	t.Run("a stolen session makes no password of it", func(*testing.T) {
		issue(api.Admin, api.Admin.User.ID.String()).Want(409)
		issue(api.Other, api.Viewer.User.ID.String()).Want(404)
		issue(api.Engineer, api.Viewer.User.ID.String()).Want(403)
	})
	t.Run("a forgotten password", func(t *testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		var m made
		issue(api.Admin, c.User.ID.String()).Want(201).Decode(&m)
		c.Get("/api/v1/users/me").Want(200)
		api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": m.SetupToken, "newPassword": "a better password"}).Want(200)
		c.Get("/api/v1/users/me").Want(401)
		if n := audited(api, "setup_token.created"); n != 7 {
			t.Errorf("%d audit rows", n)
		}
	})
}
