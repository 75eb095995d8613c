package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// guarded makes a request that would succeed, for each operation that changes users, roles, keys or sessions. A user or a key
// that it names is there for it alone. An operation for admins that is not here fails TestAttackActorMeanwhile: whatever it
// changes, it must look at its actor again in its transaction (identity.Service.act).
var guarded = map[string]func(api *apitest.API) (path string, body any){
	"POST /api/v1/users": func(*apitest.API) (string, any) {
		return "/api/v1/users", map[string]string{"email": uuid.NewString() + "@acme.example", "name": "Accomplice", "role": "admin"}
	},
	"PATCH /api/v1/users/{id}": func(api *apitest.API) (string, any) {
		return userPath(api, ""), map[string]string{"role": "admin"}
	},
	"POST /api/v1/users/{id}/setup-token": func(api *apitest.API) (string, any) { return userPath(api, "/setup-token"), struct{}{} },
	"DELETE /api/v1/users/{id}/sessions":  func(api *apitest.API) (string, any) { return userPath(api, "/sessions"), nil },
	"POST /api/v1/api-keys": func(*apitest.API) (string, any) {
		return "/api/v1/api-keys", map[string]string{"name": "mine", "scope": "ingest"}
	},
	"POST /api/v1/trusts": func(*apitest.API) (string, any) {
		return "/api/v1/trusts", map[string]string{"name": "mine", "issuer": "https://ci.example", "audience": "acme", "subject": "mine"}
	},
	"DELETE /api/v1/trusts/{id}": func(api *apitest.API) (string, any) {
		var made struct{ ID string }
		api.Admin.Post("/api/v1/trusts", map[string]string{"name": "spare", "issuer": "https://ci.example", "audience": "acme", "subject": "spare"}).Want(201).Decode(&made)
		return "/api/v1/trusts/" + made.ID, nil
	},
	"POST /api/v1/channels": func(*apitest.API) (string, any) {
		return "/api/v1/channels", map[string]string{"name": uuid.NewString(), "kind": "slack", "url": "https://hooks.invalid/x"}
	},
	"PATCH /api/v1/channels/{id}": func(api *apitest.API) (string, any) {
		return channelPath(api), map[string]string{"url": "https://accomplice.invalid/x"}
	},
	"DELETE /api/v1/channels/{id}":    func(api *apitest.API) (string, any) { return channelPath(api), nil },
	"POST /api/v1/channels/{id}/test": func(api *apitest.API) (string, any) { return channelPath(api) + "/test", struct{}{} },
	"POST /api/v1/channels/{id}/deliveries/{delivery}/replay": func(api *apitest.API) (string, any) {
		path := channelPath(api)
		return path + "/deliveries/" + parkedDelivery(api, path).String() + "/replay", struct{}{}
	},
	"POST /api/v1/rules/reorder": func(api *apitest.API) (string, any) {
		newRule(api)
		var rules struct{ Items []struct{ ID string } }
		api.Admin.Get("/api/v1/rules?limit=100").Want(200).Decode(&rules)
		ids := []string{}
		for _, r := range rules.Items {
			ids = append([]string{r.ID}, ids...)
		}
		return "/api/v1/rules/reorder", map[string]any{"ids": ids}
	},
	"PATCH /api/v1/rules/{id}": func(api *apitest.API) (string, any) {
		return "/api/v1/rules/" + newRule(api), map[string]string{"reason": "another reason than before"}
	},
	"POST /api/v1/rules/{id}/accept": func(api *apitest.API) (string, any) {
		return "/api/v1/rules/" + newRule(api) + "/accept", struct{}{}
	},
	"DELETE /api/v1/rules/{id}": func(api *apitest.API) (string, any) { return "/api/v1/rules/" + newRule(api), nil },
	"DELETE /api/v1/api-keys/{id}": func(api *apitest.API) (string, any) {
		var made struct{ APIKey struct{ ID string } }
		api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "spare", "scope": "ingest"}).Want(201).Decode(&made)
		return "/api/v1/api-keys/" + made.APIKey.ID, nil
	},
}

// own are the operations on oneself that a session which has ended must not do either.
var own = map[string]func(api *apitest.API, c *apitest.Client) (path string, body any){
	"PATCH /api/v1/users/me": func(*apitest.API, *apitest.Client) (string, any) {
		return "/api/v1/users/me", map[string]string{"name": "Another"}
	},
	"POST /api/v1/auth/password": func(*apitest.API, *apitest.Client) (string, any) {
		return "/api/v1/auth/password", map[string]string{"currentPassword": apitest.Password, "newPassword": "a stolen password"}
	},
	"DELETE /api/v1/auth/sessions": func(*apitest.API, *apitest.Client) (string, any) { return "/api/v1/auth/sessions", nil },
	"POST /api/v1/rules": func(*apitest.API, *apitest.Client) (string, any) {
		return "/api/v1/rules", map[string]any{
			"effect": "ignore", "match": map[string]any{"types": []string{"aws_" + uuid.NewString()}}, "reason": "to hide what I have done",
		}
	},
	"DELETE /api/v1/auth/sessions/{id}": func(api *apitest.API, c *apitest.Client) (string, any) {
		elsewhere := api.SignIn(c.User.Email)
		var me struct{ Session struct{ ID string } }
		elsewhere.Get("/api/v1/users/me").Want(200).Decode(&me)
		return "/api/v1/auth/sessions/" + me.Session.ID, nil
	},
}

// newRule is a proposal, for one request alone.
func newRule(api *apitest.API) string {
	var made struct{ ID string }
	api.Engineer.Post("/api/v1/rules", map[string]any{
		"effect": "ignore", "match": map[string]any{"types": []string{"aws_" + uuid.NewString()}}, "reason": "a proposal for one request",
	}).Want(201).Decode(&made)
	return made.ID
}

func userPath(api *apitest.API, rest string) string {
	return "/api/v1/users/" + api.NewUser("acme", identity.Viewer).User.ID.String() + rest
}

func requestOf(operation string) (method, path string) {
	method, path, _ = strings.Cut(operation, " ")
	return method, path
}

// lose are the ways in which an admin loses the rights, as SQL on the user's id, and the status that they get then.
var lose = map[string]struct {
	sql    string
	status int
	admins bool // it ends the rights of an admin alone
}{
	"demoted":     {"update app_user set role = 'engineer' where id = $1", http.StatusForbidden, true},
	"deactivated": {"update app_user set is_active = false where id = $1", http.StatusUnauthorized, false},
	"signed out":  {"update session set revoked_at = now(), revoked_reason = 'admin' where user_id = $1", http.StatusUnauthorized, false},
	"expired":     {"update session set expires_at = now() where user_id = $1", http.StatusUnauthorized, false},
}

// TestAttackActorMeanwhile: an admin who loses the rights changes nothing any more, although this replica remembers them: neither
// when they were lost on another replica a moment ago, nor when that happens while the request is under way. It goes over every
// operation for admins of openapi.yaml. Mutations: act or confirm that returns before its checks, each of its three conditions
// left out, LockUsers and LockAdmins without `for update`, SessionOpen in the statement of the locks, and act left out of any
// one operation.
func TestAttackActorMeanwhile(t *testing.T) {
	api := apitest.Start(t)
	type attempt struct {
		operation string
		own       bool
		request   func(c *apitest.Client) (string, any)
	}
	var attempts []attempt
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations {
		if op.Method == http.MethodGet || !slices.Equal(op.Roles, []string{string(identity.Admin)}) {
			continue
		}
		name := op.Method + " " + op.Path
		request, known := guarded[name]
		if !known {
			t.Errorf("%s is for admins: it must look at its actor again in its transaction; add a request for it here", name)
			continue
		}
		attempts = append(attempts, attempt{name, false, func(*apitest.Client) (string, any) { return request(api) }})
	}
	for name, request := range own {
		attempts = append(attempts, attempt{name, true, func(c *apitest.Client) (string, any) { return request(api, c) }})
	}
	for _, a := range attempts {
		method, _ := requestOf(a.operation)
		t.Run(a.operation+" succeeds for who may", func(t *testing.T) {
			c := api.NewUser("acme", identity.Admin)
			path, body := a.request(c)
			if got := c.Do(method, path, body); got.Status >= 300 {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
		})
		for how, loss := range lose {
			if a.own && loss.admins {
				continue
			}
			// Another replica would have done it with the same statement.
			t.Run(a.operation+" "+how, func(t *testing.T) {
				c := api.NewUser("acme", identity.Admin)
				path, body := a.request(c)
				c.Get("/api/v1/users/me").Want(200) // This replica remembers now.
				exec(t, api, loss.sql, c.User.ID)
				before := changes(t, api)
				got := c.Do(method, path, body)
				challenged := strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token")
				if got.Status != loss.status || loss.status == http.StatusUnauthorized && !challenged && path != "/api/v1/auth/password" {
					t.Errorf("%d %v %s", got.Status, got.Header, got.Body)
				}
				if after := changes(t, api); after != before {
					t.Errorf("it changed something:\n%s\nwas\n%s", after, before)
				}
			})
			t.Run(a.operation+" "+how+" meanwhile", func(t *testing.T) {
				c := api.NewUser("acme", identity.Admin)
				path, body := a.request(c)
				before := ""
				got := during(t, api, loss.sql, c.User.ID, func(ctx context.Context) (*apitest.Response, error) {
					return c.Try(ctx, method, path, body)
				}, func() { before = changes(t, api) })
				if got.Status != loss.status {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				if after := changes(t, api); after == before || strings.Count(after, "\n") != strings.Count(before, "\n") {
					t.Errorf("it changed more than the loss:\n%s\nwas\n%s", after, before)
				}
			})
		}
	}
}

// during makes a request while a transaction that changes the user has not committed yet, and gives its response.
func during(
	t *testing.T, api *apitest.API, sql string, user uuid.UUID, request func(context.Context) (*apitest.Response, error), before func(),
) *apitest.Response {
	t.Helper()
	type result struct {
		response *apitest.Response
		err      error
	}
	done := make(chan result, 1)
	before()
	err := api.DB.InTx(t.Context(), "lose", func(ctx context.Context, tx *pg.Tx) error {
		// The row of the user first, as every transaction that takes rights away.
		if _, err := tx.Exec(ctx, "select from app_user where id = $1 for update", user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql, user); err != nil {
			return err
		}
		go func() {
			response, err := request(context.WithoutCancel(ctx))
			done <- result{response, err}
		}()
		const waiting = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
		for pgtest.Value[int](t, api.DB, waiting) == 0 {
			select {
			case r := <-done:
				return fmt.Errorf("it did not wait: %v %w", r.response, r.err)
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.response
}

// changes are the rows that the operations of guarded and own change, without the times of use.
func changes(t *testing.T, api *apitest.API) string {
	t.Helper()
	return pgtest.Value[string](t, api.DB, `select
		(select string_agg(concat_ws(' ', id, email, name, role, is_active, md5(password_hash)), E'\n' order by id) from app_user) || E'\n' ||
		(select string_agg(concat_ws(' ', id, revoked_at, expires_at), E'\n' order by id) from session) || E'\n' ||
		(select string_agg(concat_ws(' ', id, revoked_at), E'\n' order by id) from api_key) || E'\n' ||
		(select coalesce(string_agg(id::text, E'\n' order by id), '') from ci_trust) || E'\n' ||
		(select coalesce(string_agg(concat_ws(' ', id, status, position, reason), E'\n' order by id), '') from rule) || E'\n' ||
		(select count(*) || ' ' || count(used_at) from setup_token) || ' ' || (select count(*) from audit)`)
}
