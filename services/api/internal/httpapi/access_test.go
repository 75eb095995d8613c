package httpapi_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// caller is a client that calls every route, and its name in the table.
type caller struct {
	name   string
	client *apitest.Client
}

// callers are one of each kind, the last columns being those that no route should let in.
func callers(t *testing.T, api *apitest.API) []caller {
	t.Helper()
	host := oidctest.NewIssuer(t)
	trust(api.Admin, host, nil)
	revoked := api.NewUser("acme", identity.Admin)
	api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": revoked.Refresh}).Want(200)
	deactivated := api.NewUser("acme", identity.Admin)
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+deactivated.User.ID.String(), map[string]bool{"isActive": false}).Want(200)
	key := func() (id string, c *apitest.Client) {
		var made struct {
			APIKey struct{ ID string }
			Key    string
		}
		api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "spare", "scope": "ingest"}).Want(201).Decode(&made)
		return made.APIKey.ID, api.With(made.Key)
	}
	id, revokedKey := key()
	api.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+id, nil).Want(200)
	id, expiredKey := key()
	if _, err := api.DB.Exec(context.Background(), "update api_key set expires_at = now() where id = $1", id); err != nil {
		panic(err)
	}
	return []caller{
		{"viewer", api.Viewer},
		{"engineer", api.Engineer},
		{"admin", api.Admin},
		{"API key", api.Key},
		{"token of CI", api.With(host.Token(ciAudience, ciSubject, nil))},
		{"other account's admin", api.Other},
		{"no credentials", api.Anonymous},
		{"revoked", revoked},
		{"expired", api.Expired(api.Admin)},
		{"deactivated", deactivated},
		{"revoked key", revokedKey},
		{"expired key", expiredKey},
		{"key that we did not make", api.With("ds_" + strings.Repeat("A", 64))},
		{"token of CI that no trust is in", api.With(host.Token(ciAudience, "repo:someone/else:ref:refs/heads/main", nil))},
	}
}

// TestAttackAuthorization calls every route as each caller, and keeps the table in docs/security.md. A new route is a row
// that is not there. The bodies are empty, so that who is let in gets no further than to a 400 or a 404; the other
// account's admin names what exists, and it must not exist for them. Mutations: access.allows always nil, or AtLeast with
// the comparison turned round, changes cells of 403; accepts of a trust always true changes the last column; `open` without its check of Revoked changes the columns
// "revoked" and "deactivated" (who is deactivated loses the sessions too, so IsActive alone is not seen here); LockDrift without account_id makes the other account's 404 a 400.
func TestAttackAuthorization(t *testing.T) {
	api := trusting(t)
	people := callers(t, api)
	mine := acmeThings(t, api)
	header := []string{"Route"}
	for _, c := range people {
		header = append(header, c.name)
	}
	table := doctable.Header(header...)
	for _, rt := range httpapi.Routes() {
		row := []string{"`" + rt.Method + " " + rt.Path + "`"}
		for _, c := range people {
			var a *apitest.Response
			if c.client == api.Other {
				a = mine.attack(api.Other, rt, "")
			} else {
				var body any
				if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
					body = struct{}{}
				}
				a = c.client.Wrong().Do(rt.Method, pathOf(rt, uuid.NewString(), uuid.NewString()), body)
			}
			row = append(row, verdict(t, rt, c, a))
		}
		table += doctable.Row(row...)
	}
	doctable.Check(t, "docs/security.md", "authorization", table)
}

// verdict is the cell of a response: the status of a refusal, or that the caller came in.
func verdict(t *testing.T, rt httpapi.Route, c caller, a *apitest.Response) string {
	t.Helper()
	switch {
	case a.Status == http.StatusUnauthorized:
		if a.Error.Code != "AUTH_ERROR" || !rt.Open && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s %s as %s: %s", rt.Method, rt.Path, c.name, a.Body)
		}
		return "401"
	case a.Status == http.StatusForbidden:
		return "403"
	case a.Status >= http.StatusInternalServerError:
		t.Errorf("%s %s as %s: %d %s", rt.Method, rt.Path, c.name, a.Status, a.Body)
	case c.name == "other account's admin" && a.Status == http.StatusNotFound:
		return "404"
	case c.name == "other account's admin" && !rt.Open:
		return "own"
	}
	return "yes"
}

// TestRoutes_document compares the routes' roles with those of docs/api/openapi.yaml.
func TestRoutes_document(t *testing.T) {
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, op := range operations {
		if !strings.HasPrefix(op.Path, "/health/") && op.Path != "/metrics" {
			documented[op.Method+" "+op.Path] = slices.Sorted(slices.Values(op.Roles))
		}
	}
	for _, rt := range httpapi.Routes() {
		var roles []string
		for _, role := range []identity.Role{identity.Viewer, identity.Engineer, identity.Admin} {
			if !rt.Open && role.AtLeast(rt.Role) {
				roles = append(roles, string(role))
			}
		}
		if rt.Keys {
			roles = append(roles, "api_key")
		}
		name := rt.Method + " " + rt.Path
		want, ok := documented[name]
		slices.Sort(roles)
		if !ok || !slices.Equal(roles, want) {
			t.Errorf("%s is for %v; the document says %v", name, roles, want)
		}
		delete(documented, name)
	}
	for name := range maps.Keys(documented) {
		t.Errorf("the document has %s, and there is no such route", name)
	}
}
