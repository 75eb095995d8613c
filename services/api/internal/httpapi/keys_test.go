package httpapi_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// newKey makes a key with more properties than a name, and returns its client and its id.
func newKey(by *apitest.Client, api *apitest.API, properties map[string]any) (*apitest.Client, string) {
	body := map[string]any{"name": "ci", "scope": "ingest"}
	maps.Copy(body, properties)
	var made struct {
		Key    string
		APIKey struct{ ID string }
	}
	by.Post("/api/v1/api-keys", body).Want(http.StatusCreated).Decode(&made)
	return api.With(made.Key), made.APIKey.ID
}

// TestAttackKeyOfAnotherWorkspace: a key that is limited to workspaces can neither change, nor fail, nor learn of another one.
// Mutations: MayUse left out of Ingest, Create or fail; a match of a part of the name; Workspaces left out of the principal.
func TestAttackKeyOfAnotherWorkspace(t *testing.T) {
	api := apitest.Start(t)
	key, _ := newKey(api.Admin, api, map[string]any{"workspaces": []string{"network", "team/*"}})
	drift := func(workspace string) map[string]any {
		return map[string]any{
			"resourceId": "i-1", "resourceType": "aws_instance", "region": "eu-central-1", "workspace": workspace,
			"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
		}
	}
	const empty = `{"format_version":"1.2","terraform_version":"1.9.0","resource_drift":[]}`
	for workspace, want := range map[string]int{
		"network": 200, "team/a": 200, "networks": 403, "a/network": 403, "team": 403, "team/a/b": 403, "Network": 403, "prod": 403,
	} {
		api.Engineer.Post("/api/v1/ingest/plan?workspace="+workspace, []byte(empty)).Want(http.StatusOK)
		for what, a := range map[string]*apitest.Response{
			"plan":    key.Post("/api/v1/ingest/plan?workspace="+workspace, []byte(empty)),
			"failure": key.Post("/api/v1/ingest/failure?workspace="+workspace, map[string]string{"reason": "the runner broke"}),
			"drift":   key.Post("/api/v1/drifts", drift(workspace)),
		} {
			got := a.Status
			if got == http.StatusCreated {
				got = http.StatusOK
			}
			if got != want {
				t.Errorf("%s of %s: %d %s", what, workspace, a.Status, a.Body)
			}
		}
		if want == http.StatusForbidden {
			// Neither does a plan that is refused leave a failed check.
			key.Wrong().Post("/api/v1/ingest/plan?workspace="+workspace+"&mode=wrong", []byte(empty)).Want(http.StatusBadRequest)
			key.Wrong().Post("/api/v1/ingest/plan?workspace="+workspace, []byte("{")).Want(http.StatusForbidden)
			if n := pgtest.Value[int](t, api.DB, "select count(*)::int from workspace_check c join workspace w on w.id = c.workspace_id where w.name = $1", workspace); n != 1 {
				t.Errorf("%s has %d checks", workspace, n)
			}
		}
	}
	for name, wrong := range map[string]any{
		"none": []string{}, "too many": strings.Split(strings.Repeat("x,", 51), ","), "two stars": []string{"a/**"}, "not a glob": []string{"[a"},
		"empty": []string{""}, "too long": []string{strings.Repeat("x", 129)}, "a control character": []string{"a\n"},
	} {
		if a := api.Admin.Wrong().Post("/api/v1/api-keys", map[string]any{"name": "ci", "scope": "ingest", "workspaces": wrong}); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// TestAttackKeysOfALeaver: the keys that an admin made end with the admin, or are another admin's from then on. Mutations: no
// endKeys; keys of all users; a user who is no admin, is not active, or is of another account gets them.
func TestAttackKeysOfALeaver(t *testing.T) {
	api := apitest.Start(t)
	deactivate := func(c *apitest.Client, more map[string]any) *apitest.Response {
		body := map[string]any{"isActive": false}
		maps.Copy(body, more)
		return api.Admin.Do(http.MethodPatch, "/api/v1/users/"+c.User.ID.String(), body)
	}
	use := func(key *apitest.Client) int { return key.Get("/api/v1/users/me").Status } // 403: it is still a key
	leaver, heir, gone := api.NewUser("acme", identity.Admin), api.NewUser("acme", identity.Admin), api.NewUser("acme", identity.Admin)
	first, _ := newKey(leaver, api, nil)
	second, id := newKey(heir, api, nil)
	deactivate(gone, nil).Want(http.StatusOK)
	for name, to := range map[string]string{
		"no admin": api.Engineer.User.ID.String(), "oneself": leaver.User.ID.String(), "not active": gone.User.ID.String(),
		"of another account": api.Other.User.ID.String(), "nobody": api.Account.String(),
	} {
		if a := deactivate(leaver, map[string]any{"handOverTo": to}); a.Status != http.StatusBadRequest || a.Error.Details.Errors[0].Field != "handOverTo" {
			t.Errorf("to %s: %d %s", name, a.Status, a.Body)
		}
	}
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+leaver.User.ID.String(), map[string]any{"name": "L", "handOverTo": heir.User.ID}).Want(http.StatusBadRequest)
	if use(first) != http.StatusForbidden {
		t.Error("a refused change revoked the key")
	}
	deactivate(leaver, nil).Want(http.StatusOK)
	if use(first) != http.StatusUnauthorized || use(second) != http.StatusForbidden || use(api.Key) != http.StatusForbidden {
		t.Errorf("after the leaver: %d, another's %d, %d", use(first), use(second), use(api.Key))
	}
	deactivate(heir, map[string]any{"handOverTo": api.Admin.User.ID}).Want(http.StatusOK)
	if use(second) != http.StatusForbidden {
		t.Errorf("the key that was handed over: %d", use(second))
	}
	var keys struct {
		Items []struct{ ID, CreatedBy string }
	}
	api.Admin.Get("/api/v1/api-keys").Want(http.StatusOK).Decode(&keys)
	found := false
	for _, k := range keys.Items {
		found = found || k.ID == id && k.CreatedBy == api.Admin.User.Email
	}
	if !found {
		t.Errorf("keys: %+v", keys)
	}
	for _, action := range []string{"api_key.revoked", "api_key.handed_over"} {
		if n := pgtest.Value[int](t, api.DB, "select count(*)::int from audit where action = $1 and actor_email = $2", action, api.Admin.User.Email); n != 1 {
			t.Errorf("%d audit rows of %s", n, action)
		}
	}
}

// TestAttackKeysOfADemotedAdmin: who may make no key any more has none that goes on: they end, or become another admin's.
// Mutations: UpdateUser without the comparison of roles; a role that is not admin does not allow handOverTo; the keys of who stays an admin end.
func TestAttackKeysOfADemotedAdmin(t *testing.T) {
	api := apitest.Start(t)
	change := func(c *apitest.Client, body map[string]any) *apitest.Response {
		return api.Admin.Do(http.MethodPatch, "/api/v1/users/"+c.User.ID.String(), body)
	}
	use := func(key *apitest.Client) int { return key.Get("/api/v1/users/me").Status } // 403: it is still a key
	for _, role := range []string{"engineer", "viewer"} {
		ended, handed := api.NewUser("acme", identity.Admin), api.NewUser("acme", identity.Admin)
		first, firstID := newKey(ended, api, nil)
		second, secondID := newKey(handed, api, nil)

		change(ended, map[string]any{"role": "admin", "name": "A"}).Want(http.StatusOK)
		change(ended, map[string]any{"role": "admin", "handOverTo": api.Admin.User.ID}).Want(http.StatusBadRequest)
		if use(first) != http.StatusForbidden {
			t.Error("the key of one who is still an admin has ended")
		}
		change(ended, map[string]any{"role": role}).Want(http.StatusOK)
		change(handed, map[string]any{"role": role, "handOverTo": handed.User.ID}).Want(http.StatusBadRequest)
		change(handed, map[string]any{"role": role, "handOverTo": api.Admin.User.ID}).Want(http.StatusOK)
		if use(first) != http.StatusUnauthorized || use(second) != http.StatusForbidden || use(api.Key) != http.StatusForbidden {
			t.Errorf("%s: the key that ends: %d, the one that is handed over: %d, another's: %d", role, use(first), use(second), use(api.Key))
		}
		for id, action := range map[string]string{firstID: "api_key.revoked", secondID: "api_key.handed_over"} {
			message := pgtest.Value[string](t, api.DB, "select message from audit where action = $1 and metadata->>'apiKey' = $2 and actor_email = $3", action, id, api.Admin.User.Email)
			if !strings.HasSuffix(message, ": its maker is no admin any more") {
				t.Errorf("%s: %q", action, message)
			}
		}
		if n := pgtest.Value[int](t, api.DB, `select count(*)::int from audit where action = 'user.updated' and metadata->>'user' in ($1, $2)
			and (metadata->>'apiKeysEnded' = '1' or metadata->>'apiKeysHandedOver' = '1')`, ended.User.ID.String(), handed.User.ID.String()); n != 2 {
			t.Errorf("%d audit rows of the changes", n)
		}
		// One that was demoted by a version that left the keys.
		if _, err := api.DB.Exec(t.Context(), "update api_key set created_by = $1 where id = $2", ended.User.ID, secondID); err != nil {
			t.Fatal(err)
		}
		change(ended, map[string]any{"name": "B"}).Want(http.StatusOK)
		change(ended, map[string]any{"role": role, "handOverTo": api.Admin.User.ID}).Want(http.StatusOK)
		if by := pgtest.Value[string](t, api.DB, "select u.email from api_key k join app_user u on u.id = k.created_by where k.id = $1 and k.revoked_at is null", secondID); by != api.Admin.User.Email {
			t.Errorf("the key is %s's", by)
		}
	}
}
