package httpapi_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
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

// Mutations: Sessions without user_id, without revoked_at or without expires_at; Current always true; EndSession without
// SessionOpen; RevokeSessions without its exception, or of every user.
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

// TestAttackSetupToken: a setup token is void when an admin makes another one, when its user's email changes, and when the user is
// deactivated, also after an activation. Mutations: SpendSetupTokens left out of IssueSetup; each half of UpdateUser's condition
// for it; IssueSetup without its three refusals.
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
		if n := audited(api, "setup_token.created"); n != 4 {
			t.Errorf("%d audit rows", n)
		}
	})
}

// Mutations: preferences replaced, not merged; null kept; each bound left out.
func TestUpdateMe(t *testing.T) {
	api := apitest.Start(t)
	type me struct {
		User        struct{ Name string }
		Preferences map[string]any
	}
	patch := func(body any) *apitest.Response { return api.Viewer.Do(http.MethodPatch, "/api/v1/users/me", body) }
	var got me
	api.Viewer.Get("/api/v1/users/me").Want(200).Decode(&got)
	if got.Preferences == nil || len(got.Preferences) != 0 {
		t.Errorf("at first: %+v", got)
	}
	patch([]byte(`{"name":"Ada Lovelace","preferences":{"theme":"dark","pageSize":50,"beta":true}}`)).Want(200)
	patch([]byte(`{"preferences":{"beta":null,"theme":"light"}}`)).Want(200)
	got = me{}
	api.Viewer.Get("/api/v1/users/me").Want(200).Decode(&got)
	if want := map[string]any{"theme": "light", "pageSize": 50.0}; got.User.Name != "Ada Lovelace" || !maps.Equal(got.Preferences, want) {
		t.Errorf("%+v", got)
	}
	if n := audited(api, "user.updated"); n != 1 {
		t.Errorf("%d audit rows", n)
	}
	many := map[string]any{}
	for i := range 50 {
		many["p"+strings.Repeat("x", i)] = strings.Repeat("é", 200)
	}
	refused := map[string]any{
		"no field": []byte(`{}`), "no preference": []byte(`{"preferences":{}}`), "another field": []byte(`{"role":"admin"}`),
		"null": []byte(`{"preferences":null}`), "a list": []byte(`{"preferences":{"a":[1]}}`), "an object": []byte(`{"preferences":{"a":{}}}`),
		"a long value": map[string]any{"preferences": map[string]string{"a": strings.Repeat("x", 201)}},
		"a long name":  map[string]any{"preferences": map[string]string{strings.Repeat("x", 65): "a"}},
		"a wrong name": []byte(`{"preferences":{"a b":1}}`), "a huge number": []byte(`{"preferences":{"a":1e999}}`),
		"a NUL": []byte(`{"preferences":{"a":"\u0000"}}`), "a control character": []byte(`{"preferences":{"a":"\u001b[2J"}}`),
		"an empty name": []byte(`{"name":""}`), "twice": []byte(`{"preferences":{"a":1,"a":2}}`),
	}
	for name, body := range refused {
		if a := api.Viewer.Wrong().Do(http.MethodPatch, "/api/v1/users/me", body); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	a := patch(map[string]any{"preferences": many}) // With those that are there, more than 50.
	if a.Status != http.StatusBadRequest || !strings.Contains(a.Error.Message, "50") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	patch([]byte(`{"preferences":{"theme":null,"pageSize":null}}`)).Want(200)
	got = me{}
	patch(map[string]any{"preferences": many}).Want(200).Decode(&got)
	if !slices.Equal(slices.Sorted(maps.Keys(got.Preferences)), slices.Sorted(maps.Keys(many))) {
		t.Errorf("%d preferences", len(got.Preferences))
	}
}
