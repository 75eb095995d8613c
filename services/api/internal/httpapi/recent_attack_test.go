package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAttackStolenSession: with RECENT_SIGN_IN, a session that was stolen from an admin makes no accomplice, no setup token and no key, gives
// no role and ends no session once its sign-in is some time ago, however often it is refreshed. It still reads. Who signs in again may all.
//
// Mutations: recently left out of a route that gives rights; the comparison in admit; a refresh that counts as a sign-in.
func TestAttackStolenSession(t *testing.T) {
	api := apitest.Start(t, "RECENT_SIGN_IN=15m")
	id := uuid.NewString()
	api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "fresh", "scope": "ingest"}).Want(http.StatusCreated)
	if _, err := api.DB.Exec(t.Context(), "update session set created_at = created_at - interval '16 minutes'"); err != nil {
		t.Fatal(err)
	}
	var tokens struct{ AccessToken string }
	api.Anonymous.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": api.Admin.Refresh}).Want(http.StatusOK).Decode(&tokens)
	old := apitest.StartOn(t, api.DSN, "RECENT_SIGN_IN=15m").With(tokens.AccessToken) // a replica that remembers nothing
	var recent []string
	for _, rt := range httpapi.Routes() {
		if rt.Open {
			continue
		}
		var body any
		if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
			body = struct{}{}
		}
		got := old.Wrong().Do(rt.Method, pathOf(rt, id, "prod"), body)
		if stale := got.Status == http.StatusUnauthorized; stale != rt.Recent || stale && got.Error.Details.Reason != "stale" {
			t.Errorf("%s %s: %d %s", rt.Method, rt.Path, got.Status, got.Body)
		}
		if !rt.Recent {
			continue
		}
		recent = append(recent, rt.Method+" "+rt.Path)
		if challenge := got.Header.Get("WWW-Authenticate"); challenge != `Bearer error="insufficient_user_authentication", error_description="stale"` || !strings.Contains(got.Error.Message, "15m") {
			t.Errorf("%s: %s", challenge, got.Error.Message)
		}
	}
	for _, gives := range []string{"POST /api/v1/users", "PATCH /api/v1/users/{id}", "POST /api/v1/users/{id}/setup-token", "POST /api/v1/api-keys", "POST /api/v1/trusts", "DELETE /api/v1/auth/sessions", "POST /api/v1/channels", "PATCH /api/v1/channels/{id}"} {
		if !slices.Contains(recent, gives) {
			t.Errorf("%s does not ask for a recent sign-in", gives)
		}
	}
	again := api.SignIn(api.Admin.User.Email)
	again.Post("/api/v1/api-keys", map[string]string{"name": "again", "scope": "ingest"}).Want(http.StatusCreated)

	// Without the setting clients of before go on, and the trail names the session.
	off := apitest.StartOn(t, api.DSN).With(tokens.AccessToken)
	off.Post("/api/v1/api-keys", map[string]string{"name": "old", "scope": "ingest"}).Want(http.StatusCreated)
	off.Post("/api/v1/users/"+api.Viewer.User.ID.String()+"/setup-token", struct{}{}).Want(http.StatusCreated)
	if n := pgtest.Value[int](t, api.DB, `select count(distinct action)::int from audit a join session s on s.id::text = a.metadata->>'session'
		where action in ('api_key.created', 'setup_token.created') and s.user_id = $1`, api.Admin.User.ID); n != 2 {
		t.Errorf("%d of 2 actions name the session", n)
	}
}
