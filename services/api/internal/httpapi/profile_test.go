package httpapi_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

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
