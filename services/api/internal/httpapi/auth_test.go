package httpapi_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

type pair struct {
	AccessToken, RefreshToken string
	ExpiresIn                 int
}

// audited counts the account's audit rows with this action.
func audited(api *apitest.API, action string) int {
	var list struct{ Pagination struct{ Total int } }
	api.Admin.Get("/api/v1/audit?action=" + action).Want(200).Decode(&list)
	return list.Pagination.Total
}

func refresh(api *apitest.API, token string) *apitest.Response {
	return api.Anonymous.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": token})
}

func TestLogin(t *testing.T) {
	api := apitest.Start(t)
	var made struct {
		User       struct{ ID, Email string }
		SetupToken string
	}
	api.Admin.Post("/api/v1/users", map[string]string{"email": "new@acme.example", "name": "New", "role": "viewer"}).Want(201).Decode(&made)
	gone := api.NewUser("acme", identity.Viewer)
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+gone.User.ID.String(), map[string]bool{"isActive": false}).Want(200)

	login := func(email, password string) *apitest.Response {
		return api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": email, "password": password})
	}
	t.Run("every refusal is the same", func(t *testing.T) {
		messages := map[string]bool{}
		for name, a := range map[string]*apitest.Response{
			"wrong password":       login(api.Viewer.User.Email, "not the password"),
			"unknown email":        login("nobody@acme.example", apitest.Password),
			"deactivated":          login(gone.User.Email, apitest.Password),
			"no password set yet":  login("new@acme.example", apitest.Password),
			"an invented password": login("new@acme.example", "an invented password"),
		} {
			if a.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, a.Status)
			}
			messages[a.Error.Message] = true
		}
		if len(messages) != 1 {
			t.Errorf("messages tell the reasons apart: %v", messages)
		}
	})
	t.Run("the email's case does not matter", func(t *testing.T) {
		var tokens pair
		login("VIEWER"+api.Viewer.User.Email[len("viewer"):], apitest.Password).Want(200).Decode(&tokens)
		if tokens.ExpiresIn != 900 {
			t.Errorf("expiresIn = %d", tokens.ExpiresIn)
		}
	})
	t.Run("it is audited, and noted with the user", func(t *testing.T) {
		var me struct {
			User    struct{ LastLoginAt *string }
			Account struct{ Name string }
		}
		api.Viewer.Get("/api/v1/users/me").Want(200).Decode(&me)
		if me.User.LastLoginAt == nil || me.Account.Name != "acme" {
			t.Errorf("me = %+v", me)
		}
		if audited(api, "auth.login") == 0 {
			t.Error("no audit row")
		}
	})
	t.Run("a setup token sets the first password, once", func(*testing.T) {
		set := func(password string) *apitest.Response {
			return api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": made.SetupToken, "newPassword": password})
		}
		set("my first password").Want(200)
		login("new@acme.example", "my first password").Want(200)
		set("another password").Want(401)
		login("new@acme.example", "my first password").Want(200)
	})
	t.Run("an unknown setup token is refused", func(*testing.T) {
		api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": "dss_x", "newPassword": "a new password"}).Want(401)
	})
}

func TestRefresh(t *testing.T) {
	api := apitest.Start(t)
	t.Run("each token is good once, and gives the next", func(*testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		var next pair
		refresh(api, c.Refresh).Want(200).Decode(&next)
		api.With(next.AccessToken).Get("/api/v1/users/me").Want(200)
		refresh(api, next.RefreshToken).Want(200)
	})
	t.Run("a spent token gives another pair for a moment, and ends nothing", func(t *testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		before := audited(api, "session.revoked")
		var first, second pair
		refresh(api, c.Refresh).Want(200).Decode(&first)
		refresh(api, c.Refresh).Want(200).Decode(&second)
		if first.RefreshToken == second.RefreshToken {
			t.Error("it is the same pair")
		}
		for _, got := range []pair{first, second} {
			api.With(got.AccessToken).Get("/api/v1/users/me").Want(200)
			refresh(api, got.RefreshToken).Want(200)
		}
		if n := audited(api, "session.revoked") - before; n != 0 {
			t.Errorf("%d audit rows", n)
		}
	})
	t.Run("a foreign token is refused, and a token that is too long is an invalid request", func(*testing.T) {
		refresh(api, "dsr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").Want(401)
		refresh(api, api.Viewer.Bearer[:200]).Want(401)
		api.Anonymous.Wrong().Post("/api/v1/auth/refresh", map[string]string{"refreshToken": ""}).Want(400)
	})
	t.Run("an expired session is over", func(t *testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		if _, err := api.DB.Exec(t.Context(), "update session set expires_at = now() where user_id = $1", c.User.ID); err != nil {
			t.Fatal(err)
		}
		refresh(api, c.Refresh).Want(401)
	})
}

func TestLogout(t *testing.T) {
	api := apitest.Start(t)
	logout := func(token string) {
		a := api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": token}).Want(200)
		if got := a.Header.Get("Clear-Site-Data"); got != `"cache"` {
			t.Errorf("a browser keeps what it has read: Clear-Site-Data is %q", got)
		}
	}
	c := api.NewUser("acme", identity.Viewer)
	elsewhere := api.SignIn(c.User.Email)
	c.Get("/api/v1/users/me").Want(200)
	logout(c.Refresh)
	c.Get("/api/v1/users/me").Want(401)
	refresh(api, c.Refresh).Want(401)
	elsewhere.Get("/api/v1/users/me").Want(200)
	logout(c.Refresh)
	logout("unknown")
	if n := audited(api, "session.revoked"); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
}

func TestChangePassword(t *testing.T) {
	api := apitest.Start(t)
	c := api.NewUser("acme", identity.Engineer)
	elsewhere := api.SignIn(c.User.Email)
	elsewhere.Get("/api/v1/users/me").Want(200)
	change := func(c *apitest.Client, current string) *apitest.Response {
		return c.Post("/api/v1/auth/password", map[string]string{"currentPassword": current, "newPassword": "a better password"})
	}
	t.Run("of a user whose email was just changed, and is another's now", func(t *testing.T) {
		// As a cache remembers the user.
		remembered := identity.Principal{AccountID: api.Account, UserID: api.Viewer.User.ID, Email: "moved@acme.example", Role: identity.Viewer}
		for range 2 {
			err := api.Identity.ChangePassword(t.Context(), remembered, apitest.Password, "a better password", identity.Origin{})
			if !apierror.Is(err, apierror.Conflict) {
				t.Errorf("err = %v", err)
			}
			remembered.Email = c.User.Email
		}
	})
	change(api.Anonymous, apitest.Password).Want(401)
	change(api.Key, apitest.Password).Want(403)
	change(c, "not the password").Want(401)
	elsewhere.Get("/api/v1/users/me").Want(200)

	change(c, apitest.Password).Want(200)
	c.Get("/api/v1/users/me").Want(200)
	elsewhere.Get("/api/v1/users/me").Want(401)
	refresh(api, elsewhere.Refresh).Want(401)
	refresh(api, c.Refresh).Want(200)
	api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": c.User.Email, "password": apitest.Password}).Want(401)
	api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": c.User.Email, "password": "a better password"}).Want(200)
	if n := audited(api, "password.changed"); n != 1 {
		t.Errorf("%d audit rows, want 1", n)
	}
}

func TestUsers(t *testing.T) {
	api := apitest.Start(t)
	patch := func(c *apitest.Client, id uuid.UUID, body any) *apitest.Response {
		return c.Do(http.MethodPatch, "/api/v1/users/"+id.String(), body)
	}
	t.Run("an email is taken in any case and any account", func(*testing.T) {
		api.Admin.Post("/api/v1/users", map[string]string{"email": "Ada@acme.example", "name": "Ada", "role": "viewer"}).Want(201)
		api.Other.Post("/api/v1/users", map[string]string{"email": "ada@ACME.example", "name": "Ada", "role": "viewer"}).Want(409)
		patch(api.Admin, api.Viewer.User.ID, map[string]string{"email": "ADA@acme.example"}).Want(409)
	})
	t.Run("a changed role holds at once, here", func(*testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		c.Get("/api/v1/users").Want(403)
		patch(api.Admin, c.User.ID, map[string]string{"role": "admin"}).Want(200)
		c.Get("/api/v1/users").Want(200)
		patch(api.Admin, c.User.ID, map[string]string{"role": "viewer"}).Want(200)
		c.Get("/api/v1/users").Want(403)
	})
	t.Run("a deactivated user is signed out, and stays so until signing in again", func(*testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		c.Get("/api/v1/users/me").Want(200)
		patch(api.Admin, c.User.ID, map[string]bool{"isActive": false}).Want(200)
		c.Get("/api/v1/users/me").Want(401)
		patch(api.Admin, c.User.ID, map[string]bool{"isActive": true}).Want(200)
		c.Get("/api/v1/users/me").Want(401)
		api.SignIn(c.User.Email).Get("/api/v1/users/me").Want(200)
	})
	t.Run("lists are pages, oldest first", func(t *testing.T) {
		var list struct {
			Items      []struct{ ID uuid.UUID }
			Pagination struct{ Total, TotalPages int }
		}
		api.Admin.Get("/api/v1/users?limit=1&page=2").Want(200).Decode(&list)
		if len(list.Items) != 1 || list.Items[0].ID != api.Engineer.User.ID || list.Pagination.Total != list.Pagination.TotalPages {
			t.Errorf("%+v", list)
		}
	})
	t.Run("the last admin stays, and of two who remove each other one does", func(t *testing.T) {
		patch(api.Other, api.Other.User.ID, map[string]string{"role": "viewer"}).Want(409)
		patch(api.Other, api.Other.User.ID, map[string]bool{"isActive": false}).Want(409)
		for range 10 {
			second := api.NewUser("other", identity.Admin)
			var wg sync.WaitGroup
			statuses := make([]int, 2)
			depose := func(i int, by *apitest.Client, whom uuid.UUID) {
				a, err := by.Try(t.Context(), http.MethodPatch, "/api/v1/users/"+whom.String(), map[string]string{"role": "viewer"})
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i] = a.Status
			}
			wg.Go(func() { depose(0, api.Other, second.User.ID) })
			wg.Go(func() { depose(1, second, api.Other.User.ID) })
			wg.Wait()
			rows, err := api.DB.Query(t.Context(), "select count(*) from app_user where account_id = $1 and role = 'admin' and is_active", api.OtherAccount)
			if err != nil {
				t.Fatal(err)
			}
			var admins int
			for rows.Next() {
				if err := rows.Scan(&admins); err != nil {
					t.Fatal(err)
				}
			}
			if admins != 1 {
				t.Fatalf("%d admins are left after %v", admins, statuses)
			}
			if statuses[0] != http.StatusOK { // the second one won
				api.Other = second
			}
		}
	})
}

func TestAPIKeys(t *testing.T) {
	api := apitest.Start(t)
	var made struct {
		APIKey struct{ ID, Prefix string }
		Key    string
	}
	api.Admin.Post("/api/v1/api-keys", map[string]any{"name": "pipeline", "scope": "ingest", "expiresAt": "2999-01-01T00:00:00Z"}).Want(201).Decode(&made)
	key := api.With(made.Key)
	report := func(id string) *apitest.Response {
		return key.Post("/api/v1/drifts", map[string]any{
			"resourceId": id, "resourceType": "t", "region": "r", "expectedState": map[string]int{"a": 1}, "actualState": map[string]int{"a": 2},
		})
	}
	report("one").Want(201)
	var list struct {
		Items []struct {
			ID, Prefix string
			LastUsedAt *string
		}
	}
	api.Admin.Get("/api/v1/api-keys").Want(200).Decode(&list)
	for _, item := range list.Items {
		if item.ID == made.APIKey.ID && (item.LastUsedAt == nil || item.Prefix != made.Key[:len(item.Prefix)]) {
			t.Errorf("%+v", item)
		}
	}
	t.Run("expiry holds even while the key is remembered", func(t *testing.T) {
		if _, err := api.DB.Exec(t.Context(), "update api_key set expires_at = now() - interval '1 s' where id = $1", made.APIKey.ID); err != nil {
			t.Fatal(err)
		}
		fresh := apitest.StartOn(t, api.DSN)
		fresh.With(made.Key).Wrong().Post("/api/v1/drifts", struct{}{}).Want(401)
	})
	t.Run("revoked", func(*testing.T) {
		api.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+made.APIKey.ID, nil).Want(200)
		report("two").Want(401)
		api.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+made.APIKey.ID, nil).Want(404)
	})
	// One more was made by each start of the service.
	if created, revoked := audited(api, "api_key.created"), audited(api, "api_key.revoked"); created != 3 || revoked != 1 {
		t.Errorf("audited: %d created, %d revoked", created, revoked)
	}
}
