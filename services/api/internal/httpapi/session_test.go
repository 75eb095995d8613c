package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

type session struct {
	ID                   string
	CreatedAt, ExpiresAt time.Time
	LastUsedAt           *time.Time
	UserAgent            string
	Current              bool
}

func sessions(c *apitest.Client) []session {
	var list struct{ Items []session }
	c.Get("/api/v1/auth/sessions?limit=100").Want(200).Decode(&list)
	return list.Items
}

// Mutations: Sessions without user_id, without revoked_at or without expires_at; Current always true; RevokeSession of any
// user; RevokeSessions without its exception, or of every user.
func TestSessions(t *testing.T) {
	api := apitest.Start(t)
	c := api.NewUser("acme", identity.Viewer)
	var tokens pair
	api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": c.User.Email, "password": apitest.Password},
		"User-Agent", "Firefox/\u00a0"+strings.Repeat("é", 300)).Want(200).Decode(&tokens)
	phone := api.With(tokens.AccessToken)
	gone := api.SignIn(c.User.Email)
	api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": gone.Refresh}).Want(200)
	over := api.SignIn(c.User.Email)
	exec(t, api, "update session set expires_at = now() where id = $1", sessions(over)[2].ID)
	refresh(api, c.Refresh).Want(200)

	list := sessions(c)
	if len(list) != 2 || !list[0].Current || list[1].Current || list[0].LastUsedAt == nil || list[1].LastUsedAt != nil {
		t.Fatalf("%+v", list)
	}
	if want := "Firefox/" + strings.Repeat("é", 192); list[1].UserAgent != want {
		t.Errorf("the user agent is %q", list[1].UserAgent)
	}
	if phones := sessions(phone); phones[0].Current || !phones[1].Current {
		t.Errorf("%+v", phones)
	}
	end := func(by *apitest.Client, id string) *apitest.Response {
		return by.Do(http.MethodDelete, "/api/v1/auth/sessions/"+id, nil)
	}
	t.Run("one", func(*testing.T) {
		end(api.Viewer, list[1].ID).Want(404)
		phone.Get("/api/v1/users/me").Want(200)
		end(c, list[1].ID).Want(200)
		phone.Get("/api/v1/users/me").Want(401)
		refresh(api, tokens.RefreshToken).Want(401)
		end(c, list[1].ID).Want(404)
		end(c.Wrong(), "x").Want(400)
		c.Get("/api/v1/users/me").Want(200)
	})
	t.Run("the others", func(t *testing.T) {
		one, two := api.SignIn(c.User.Email), api.SignIn(c.User.Email)
		var done struct{ Ended int }
		c.Do(http.MethodDelete, "/api/v1/auth/sessions", nil).Want(200).Decode(&done)
		if done.Ended != 2 || len(sessions(c)) != 1 {
			t.Errorf("%d ended; left are %+v", done.Ended, sessions(c))
		}
		one.Get("/api/v1/users/me").Want(401)
		refresh(api, two.Refresh).Want(401)
		api.Viewer.Get("/api/v1/users/me").Want(200)
	})
	t.Run("those of any user, by an admin", func(t *testing.T) {
		elsewhere := api.SignIn(c.User.Email)
		path := "/api/v1/users/" + c.User.ID.String() + "/sessions"
		api.Viewer.Do(http.MethodDelete, path, nil).Want(403)
		api.Other.Do(http.MethodDelete, path, nil).Want(404)
		var done struct{ Ended int }
		api.Admin.Do(http.MethodDelete, path, nil).Want(200).Decode(&done)
		if done.Ended != 2 {
			t.Errorf("%d ended", done.Ended)
		}
		for _, ended := range []*apitest.Client{c, elsewhere} {
			ended.Get("/api/v1/users/me").Want(401)
		}
		if reason := pgtest.Value[string](t, api.DB, "select max(revoked_reason) from session where user_id = $1 and revoked_reason <> 'logout'", c.User.ID); reason != "admin" {
			t.Errorf("the reason is %q", reason)
		}
		api.SignIn(c.User.Email).Get("/api/v1/users/me").Want(200)
		api.Viewer.Get("/api/v1/users/me").Want(200)
	})
	// The sign-out, the one, the others, and the admin's.
	if n := audited(api, "session.revoked"); n != 4 {
		t.Errorf("%d audit rows", n)
	}
}

// A session ends at last, however often it is refreshed. Mutations: open, or sessionEnd, without sessionMaxAge.
func TestSession_max_age(t *testing.T) {
	api := apitest.Start(t, "SESSION_MAX_AGE=1h")
	c := api.NewUser("acme", identity.Viewer)
	age := func(by string) {
		exec(t, api, "update session set created_at = now() - $2::interval, expires_at = now() + interval '1 day' where user_id = $1", c.User.ID, by)
	}
	age("59 min")
	var next pair
	refresh(api, c.Refresh).Want(200).Decode(&next)
	if left := pgtest.Value[float64](t, api.DB, `select max(extract(epoch from greatest(s.expires_at, r.expires_at) - s.created_at))::float8
		from session s join refresh_token r on r.session_id = s.id where s.user_id = $1 and r.spent_at is null`, c.User.ID); left > 3601 {
		t.Errorf("it ends %.0f s after its start", left)
	}
	age("61 min")
	refresh(api, next.RefreshToken).Want(401)
	c.Get("/api/v1/users/me").Want(401)
	if n := audited(api, "session.revoked"); n != 0 {
		t.Errorf("%d audit rows", n)
	}
}

// TestAttackClocksApart: a session that has expired by the clock of the replica that ends it, and not by that of another, ends all the same,
// and can't be refreshed on that other one.
//
// Mutations: RevokeSessions, or RevokeSession, of those alone that have not expired.
func TestAttackClocksApart(t *testing.T) {
	api := apitest.Start(t)
	for name, end := range map[string]func(c *apitest.Client){
		"by an admin": func(c *apitest.Client) {
			api.Admin.Do(http.MethodDelete, "/api/v1/users/"+c.User.ID.String()+"/sessions", nil).Want(http.StatusOK)
		},
		"by its user": func(c *apitest.Client) {
			api.SignIn(c.User.Email).Do(http.MethodDelete, "/api/v1/auth/sessions/"+pgtest.Value[string](t, api.DB,
				"select id::text from session where user_id = $1 and expires_at < now()", c.User.ID), nil).Want(http.StatusOK)
		},
		"by signing out": func(c *apitest.Client) {
			api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": c.Refresh}).Want(http.StatusOK)
		},
		"by a deactivation": func(c *apitest.Client) {
			for _, active := range []bool{false, true} {
				api.Admin.Do(http.MethodPatch, "/api/v1/users/"+c.User.ID.String(), map[string]bool{"isActive": active}).Want(http.StatusOK)
			}
		},
		"by a new password": func(c *apitest.Client) {
			api.SignIn(c.User.Email).Post("/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": "another horse battery"}).Want(http.StatusOK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := api.NewUser("acme", identity.Viewer)
			// The other replica's clock is ten seconds behind.
			exec(t, api, "update session set expires_at = now() - interval '5 seconds' where user_id = $1", c.User.ID)
			end(c)
			exec(t, api, "update session set expires_at = expires_at + interval '1 hour' where user_id = $1", c.User.ID)
			a := api.Anonymous.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": c.Refresh})
			if a.Status != http.StatusUnauthorized || a.Error.Details.Reason != "revoked" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}
