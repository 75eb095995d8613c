package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/spec"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestRoutes_access calls every route as everybody. The bodies are empty, so that a caller who is let in gets no further
// than to a 400 or a 404, or to an answer without an effect.
func TestRoutes_access(t *testing.T) {
	api := apitest.Start(t)

	revoked := api.NewUser("acme", identity.Admin)
	api.Nobody.Post("/api/v1/auth/logout", map[string]string{"refreshToken": revoked.Refresh}).Want(200)
	deactivated := api.NewUser("acme", identity.Admin)
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+deactivated.User.ID.String(), map[string]bool{"isActive": false}).Want(200)
	var spare struct {
		APIKey struct{ ID string }
		Key    string
	}
	api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "spare", "scope": "ingest"}).Want(201).Decode(&spare)
	api.Admin.Do(http.MethodDelete, "/api/v1/api-keys/"+spare.APIKey.ID, nil).Want(200)

	unknown := map[string]*apitest.Client{
		"nobody":                       api.Nobody,
		"an expired token":             api.Expired(api.Admin),
		"a revoked session":            revoked,
		"a deactivated user":           deactivated,
		"a revoked key":                api.With(spare.Key),
		"a key that we did not make":   api.With("ds_" + strings.Repeat("A", 64)),
		"a token that we did not sign": api.With("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."),
		"a refresh token":              api.With(api.Admin.Refresh),
	}
	people := map[string]*apitest.Client{"viewer": api.Viewer, "engineer": api.Engineer, "admin": api.Admin, "other": api.Other}

	for _, rt := range httpapi.Routes() {
		t.Run(rt.Method+" "+rt.Path, func(t *testing.T) {
			path := strings.ReplaceAll(rt.Path, "{id}", uuid.NewString())
			var body any
			if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
				body = struct{}{}
			}
			call := func(c *apitest.Client) *apitest.Answer { return c.Wrong().Do(rt.Method, path, body) }

			if rt.Open {
				for name, c := range unknown {
					if a := call(c); a.Status != http.StatusBadRequest {
						t.Errorf("%s: %d %s", name, a.Status, a.Body)
					}
				}
				return
			}
			for name, c := range unknown {
				a := call(c)
				if a.Status != http.StatusUnauthorized || a.Error.Code != "AUTH_ERROR" || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: %d %s", name, a.Status, a.Body)
				}
			}
			for name, c := range people {
				a := call(c)
				if allowed := c.User.Role.AtLeast(rt.Role); (a.Status == http.StatusForbidden) == allowed || a.Status == http.StatusUnauthorized || a.Status >= 500 {
					t.Errorf("%s: %d %s", name, a.Status, a.Body)
				}
			}
			if a := call(api.Key); (a.Status == http.StatusForbidden) == rt.Keys || a.Status == http.StatusUnauthorized || a.Status >= 500 {
				t.Errorf("API key: %d %s", a.Status, a.Body)
			}
		})
	}
}

// TestRoutes_document compares the routes' roles with those of docs/api/openapi.yaml.
func TestRoutes_document(t *testing.T) {
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, op := range operations {
		if strings.HasPrefix(op.Path, "/api/") {
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

// TestRoutes_isolation: what belongs to one account is not there for another.
func TestRoutes_isolation(t *testing.T) {
	api := apitest.Start(t)
	var drift, key struct {
		ID     string
		APIKey struct{ ID string }
	}
	api.Engineer.Post("/api/v1/drifts", map[string]any{
		"resourceId": "i-1", "resourceType": "aws_instance", "region": "eu-central-1", "severity": "critical",
		"expectedState": map[string]string{"type": "a"}, "actualState": map[string]string{"type": "b"},
	}).Want(201).Decode(&drift)
	var alerts struct{ Items []struct{ ID string } }
	api.Viewer.Get("/api/v1/alerts").Want(200).Decode(&alerts)
	if len(alerts.Items) != 1 {
		t.Fatalf("%d alerts", len(alerts.Items))
	}
	api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "k", "scope": "ingest"}).Want(201).Decode(&key)

	reason := map[string]string{"reason": "because it is not mine"}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{http.MethodGet, "/api/v1/drifts/" + drift.ID, nil},
		{http.MethodGet, "/api/v1/drifts/" + drift.ID + "/timeline", nil},
		{http.MethodPost, "/api/v1/drifts/" + drift.ID + "/triage", struct{}{}},
		{http.MethodPost, "/api/v1/drifts/" + drift.ID + "/approve", reason},
		{http.MethodPost, "/api/v1/drifts/" + drift.ID + "/reject", reason},
		{http.MethodPost, "/api/v1/drifts/" + drift.ID + "/resolve", map[string]string{"resolvedHow": "manual-fix"}},
		{http.MethodPost, "/api/v1/alerts/" + alerts.Items[0].ID + "/mark-read", struct{}{}},
		{http.MethodPatch, "/api/v1/users/" + api.Viewer.User.ID.String(), map[string]string{"role": "admin"}},
		{http.MethodDelete, "/api/v1/api-keys/" + key.APIKey.ID, nil},
	} {
		if a := api.Other.Do(c.method, c.path, c.body); a.Status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.Status, a.Body)
		}
	}
	for path, alone := range map[string]int{
		"/api/v1/drifts": 0, "/api/v1/alerts": 0, "/api/v1/users": 1, "/api/v1/api-keys": 0,
		"/api/v1/audit?action=drift.created": 0,
	} {
		var list struct{ Pagination struct{ Total int } }
		api.Other.Get(path).Want(200).Decode(&list)
		if list.Pagination.Total != alone {
			t.Errorf("%s has %d items, want %d", path, list.Pagination.Total, alone)
		}
	}
	api.Key.Get("/api/v1/drifts").Want(403)
}
