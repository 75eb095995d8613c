package httpapi_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// What two tabs, or a lost response, make of a refresh: two replicas get the same token at once, and all stay signed in.
// Mutations: refreshGrace of 0; the grace revokes, or writes an audit row.
func TestRefresh_at_once_on_two_replicas(t *testing.T) {
	api := apitest.Start(t)
	replicas := []*apitest.API{api, apitest.StartOn(t, api.DSN)}
	for range 10 {
		c := api.NewUser("acme", identity.Viewer)
		var won sync.Map
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				a, err := replicas[i%2].Anonymous.Try(t.Context(), http.MethodPost, "/api/v1/auth/refresh", map[string]string{"refreshToken": c.Refresh})
				if err != nil || a.Status != http.StatusOK {
					t.Errorf("%v %+v", err, a)
					return
				}
				var next pair
				a.Decode(&next)
				won.Store(next.RefreshToken, next.AccessToken)
			})
		}
		wg.Wait()
		n := 0
		won.Range(func(token, access any) bool {
			n++
			replicas[n%2].With(access.(string)).Get("/api/v1/users/me").Want(200)
			refresh(replicas[n%2], token.(string)).Want(200)
			return true
		})
		if n != 4 {
			t.Fatalf("%d of 4 have tokens of their own", n)
		}
		if open := len(sessions(c)); open != 1 {
			t.Errorf("%d sessions, want the one", open)
		}
	}
	if n := audited(api, "session.revoked"); n != 0 {
		t.Errorf("%d audit rows", n)
	}
}

// TestAttackSpentToken: a refresh token that comes back later than a lost response explains ends the session, on every replica.
// Its grace counts from its first use: using it within does not prolong it. It gives nothing when the session has ended, or its
// user was deactivated. Mutations: refreshGrace of a minute; the second use sets spent_at; open called after the grace.
func TestAttackSpentToken(t *testing.T) {
	api := apitest.Start(t)
	other := apitest.StartOn(t, api.DSN)
	spend := func(c *apitest.Client, ago string) {
		exec(t, api, "update refresh_token set spent_at = now() - $2::interval where session_id in (select id from session where user_id = $1) and spent_at is not null", c.User.ID, ago)
	}
	t.Run("late", func(t *testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		before := audited(api, "session.revoked")
		var next pair
		refresh(api, c.Refresh).Want(200).Decode(&next)
		other.With(next.AccessToken).Get("/api/v1/users/me").Want(200)
		spend(c, "25 s")
		refresh(other, c.Refresh).Want(200)
		if ago := pgtest.Value[float64](t, api.DB, "select max(extract(epoch from now() - spent_at))::float8 from refresh_token where session_id in (select id from session where user_id = $1)", c.User.ID); ago < 25 {
			t.Errorf("the grace began again %.0f s ago", ago)
		}
		spend(c, "30 s")
		refresh(other, c.Refresh).Want(401)
		refresh(api, next.RefreshToken).Want(401)
		other.With(next.AccessToken).Get("/api/v1/users/me").Want(401)
		if n := audited(api, "session.revoked") - before; n != 1 {
			t.Errorf("%d audit rows, want 1", n)
		}
	})
	for how, sql := range map[string]string{
		"after sign-out": "update session set revoked_at = now(), revoked_reason = 'logout' where user_id = $1",
		"deactivated":    "update app_user set is_active = false where id = $1",
		"expired":        "update session set expires_at = now() where user_id = $1",
	} {
		t.Run(how, func(t *testing.T) {
			c := api.NewUser("acme", identity.Viewer)
			refresh(api, c.Refresh).Want(200)
			refresh(api, c.Refresh).Want(200)
			exec(t, api, sql, c.User.ID)
			refresh(api, c.Refresh).Want(401)
			refresh(other, c.Refresh).Want(401)
		})
	}
	t.Run("deactivated meanwhile", func(t *testing.T) {
		c := api.NewUser("acme", identity.Viewer)
		refresh(api, c.Refresh).Want(200)
		got := during(t, api, "update session set revoked_at = now(), revoked_reason = 'deactivated' where user_id = $1", c.User.ID,
			func(ctx context.Context) (*apitest.Response, error) {
				return api.Anonymous.Try(ctx, http.MethodPost, "/api/v1/auth/refresh", map[string]string{"refreshToken": c.Refresh})
			}, func() {})
		got.Want(401)
	})
}
