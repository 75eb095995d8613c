package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
)

// things is what an account has, of each kind one to be attacked.
type things struct {
	user, key, trust, drift, alert, check, workspace, cursor, session, channel, delivery, rule string

	words []string // that only this account knows
}

// acmeThings fills the account acme by every use case, so that each table has rows of it.
func acmeThings(t *testing.T, api *apitest.API) things {
	t.Helper()
	var m things
	api.Key.Post("/api/v1/ingest/plan?workspace=acme-secret-workspace", fixture(t, "refresh_only_tf1.11.4.json"), "Idempotency-Key", "the-same-key").Want(200)
	var drift, made struct {
		ID     string
		APIKey struct{ ID string }
	}
	api.Engineer.Post("/api/v1/drifts", map[string]any{
		"resourceId": "acme-secret-resource", "resourceType": "acme_secret_type", "region": "acme-secret-region", "severity": "critical",
		"expectedState": map[string]string{"size": "acme-secret-expected"}, "actualState": map[string]string{"size": "acme-secret-actual"},
	}).Want(201).Decode(&drift)
	m.drift = drift.ID
	login(api, api.Viewer.User.Email, "a wrong password").Want(401)
	var alerts struct {
		Items []struct{ ID, DriftID string }
	}
	api.Viewer.Get("/api/v1/alerts").Want(200).Decode(&alerts)
	m.alert = alerts.Items[0].ID
	api.Admin.Post("/api/v1/alerts/"+m.alert+"/mark-read", nil).Want(200)
	api.Engineer.Post("/api/v1/drifts/"+m.drift+"/approve", map[string]string{"reason": "acme-secret-reason"}).Want(200)
	api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "acme-secret-key", "scope": "ingest"}).Want(201).Decode(&made)
	m.key, m.user = made.APIKey.ID, api.Viewer.User.ID.String()
	var trusted struct{ ID string }
	api.Admin.Post("/api/v1/trusts", map[string]any{
		"name": "acme-secret-trust", "issuer": "https://ci.example", "audience": "acme-secret-audience", "subject": "acme-secret-subject",
	}).Want(201).Decode(&trusted)
	m.trust = trusted.ID
	m.session = sessions(api.Viewer)[0].ID
	var proposed struct{ ID string }
	api.Engineer.Post("/api/v1/rules", map[string]any{
		"effect": "ignore", "match": map[string]any{"types": []string{"acme-secret-ignored"}}, "reason": "acme-secret-rule",
	}).Want(201).Decode(&proposed)
	m.rule = proposed.ID
	var checks struct{ Items []struct{ ID string } }
	api.Viewer.Get("/api/v1/checks").Want(200).Decode(&checks)
	m.check = checks.Items[0].ID
	m.workspace = "acme-secret-other-workspace"
	api.Engineer.Post("/api/v1/drifts", reported("acme-secret-second-resource", "workspace", m.workspace)).Want(201)
	var events struct{ Head string }
	api.Viewer.Get("/api/v1/events?limit=100").Want(200).Decode(&events)
	m.cursor = events.Head
	var channel struct{ Channel struct{ ID string } }
	// Nothing is sent meanwhile: its rows would change.
	api.Admin.Post("/api/v1/channels", map[string]any{"name": "acme-secret-channel", "kind": "slack", "url": "https://acme-secret-host.invalid/", "enabled": false}).
		Want(201).Decode(&channel)
	m.channel = channel.Channel.ID
	m.delivery = parkedDelivery(api, m.channel).String()
	m.words = []string{
		"acme-secret-channel", "acme-secret-host", m.channel, m.delivery,
		// The names of its workspace and its resource the attacker uses too.
		"acme-secret-expected", "acme-secret-actual", "acme-secret-reason", "acme-secret-key", "acme-secret-region", "acme-secret-rule", "acme-secret-ignored", m.rule, "acme-secret-trust", "acme-secret-audience", "acme-secret-subject", "@acme.example", m.user, m.key, m.trust, m.drift, m.alert, m.check, m.workspace, api.Account.String(), api.Admin.User.ID.String(),
		api.Engineer.User.ID.String(),
	}
	return m
}

func (m things) id(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/v1/auth/sessions"):
		return m.session
	case strings.HasPrefix(path, "/api/v1/users"):
		return m.user
	case strings.HasPrefix(path, "/api/v1/api-keys"):
		return m.key
	case strings.HasPrefix(path, "/api/v1/trusts"):
		return m.trust
	case strings.HasPrefix(path, "/api/v1/alerts"):
		return m.alert
	case strings.HasPrefix(path, "/api/v1/checks"):
		return m.check
	case strings.HasPrefix(path, "/api/v1/channels"):
		return m.channel
	case strings.HasPrefix(path, "/api/v1/rules"):
		return m.rule
	}
	return m.drift
}

// pathOf is the route's with these in place of its parameters.
func pathOf(rt httpapi.Route, id, workspace string) string {
	return strings.NewReplacer("{id}", id, "{name}", workspace, "{delivery}", id).Replace(rt.Path)
}

// bodies are what each route would do its worst with. A route that takes a body and is not here is attacked with none.
var bodies = map[string]any{
	"PATCH /api/v1/users/{id}":             map[string]any{"role": "admin", "isActive": false, "name": "taken over"},
	"PATCH /api/v1/users/me":               map[string]any{"name": "One"},
	"PATCH /api/v1/workspaces/{name}":      map[string]any{"recordRef": "theirs", "acceptRoot": true},
	"POST /api/v1/drifts/{id}/triage":      struct{}{},
	"POST /api/v1/drifts/{id}/approve":     map[string]string{"reason": "because it is not mine"},
	"POST /api/v1/drifts/{id}/reject":      map[string]string{"reason": "because it is not mine"},
	"POST /api/v1/drifts/{id}/resolve":     map[string]string{"resolvedHow": "manual-fix"},
	"POST /api/v1/drifts/{id}/reopen":      map[string]string{"reason": "because it is not mine"},
	"POST /api/v1/drifts/{id}/comments":    map[string]string{"text": "it is not mine"},
	"PATCH /api/v1/drifts/{id}":            map[string]string{"owner": "me"},
	"POST /api/v1/drifts/{id}/attribution": map[string]string{"changedBy": "them", "changedAt": "2026-03-01T08:14:00Z", "source": "me"},
	"POST /api/v1/alerts/{id}/mark-read":   struct{}{},
	"POST /api/v1/alerts/mark-all-read":    struct{}{},
	"POST /api/v1/ingest/plan":             []byte(`{"format_version":"1.2","complete":true,"errored":false,"applyable":false,"resource_drift":[]}`),
	"POST /api/v1/ingest/failure":          map[string]string{"reason": "it is not mine"},
	"POST /api/v1/auth/password":           map[string]string{"currentPassword": "a guess of it", "newPassword": "a new password"},
	"POST /api/v1/users":                   map[string]string{"email": "one@other.example", "name": "One", "role": "viewer"},
	"POST /api/v1/api-keys":                map[string]string{"name": "theirs", "scope": "ingest"},
	"POST /api/v1/drifts":                  map[string]any{"resourceId": "acme-secret-resource", "resourceType": "acme_secret_type", "region": "r", "expectedState": map[string]int{"a": 1}, "actualState": map[string]int{"a": 2}, "workspace": "acme-secret-workspace"},
	"POST /api/v1/trusts":                  map[string]string{"name": "theirs", "issuer": "https://ci.example", "audience": "theirs", "subject": "theirs"},
	"POST /api/v1/channels":                map[string]string{"name": "theirs", "kind": "slack", "url": "https://hooks.invalid/"},
	"PATCH /api/v1/channels/{id}":          map[string]any{"url": "https://hooks.invalid/", "enabled": true},
	"PATCH /api/v1/rules/{id}":             map[string]string{"reason": "because it is not mine"},
	"POST /api/v1/rules/{id}/accept":       struct{}{},
}

// attack calls the route as a user of another account who knows every id of this one.
func (m things) attack(c *apitest.Client, rt httpapi.Route, query string) *apitest.Response {
	var body any
	if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
		if body = bodies[rt.Method+" "+rt.Path]; body == nil {
			body = struct{}{}
		}
	}
	if rt.Path == "/api/v1/drifts/bulk" {
		body = map[string]any{"action": "reopen", "reason": "because it is not mine", "ids": []string{m.drift}}
	}
	key := "" // none
	if rt.Path == "/api/v1/ingest/plan" {
		key = "the-same-key"
		if query == "" {
			query = "workspace=acme-secret-workspace&scope=full"
		}
	}
	if rt.Path == "/api/v1/ingest/failure" && query == "" {
		query = "workspace=acme-secret-workspace"
	}
	rt.Path = strings.Replace(rt.Path, "{delivery}", m.delivery, 1)
	path := pathOf(rt, m.id(rt.Path), m.workspace)
	if query != "" {
		path += "?" + query
	}
	return c.Wrong().Do(rt.Method, path, body, "Idempotency-Key", key)
}

// TestAttackOtherAccount: the admin of one account, who knows every id of another, calls every route with them, alone and
// in every parameter that takes one. No response has anything of the other account, and none of its rows has changed.
// Mutations: `account_id = @account` left out of each of LockDrift, Drift, Timeline, readPart, driftWhere,
// ReadAlerts, Keys, RevokeKey, Users, LockUser, Events, and of the idempotency key's principal.
func TestAttackOtherAccount(t *testing.T) {
	api := apitest.Start(t)
	mine := acmeThings(t, api)
	before := rowsOf(t, api)
	queries := []string{"", "driftId=" + mine.drift, "actorId=" + mine.user, "workspace=acme-secret-workspace", "search=acme-secret",
		"resourceType=acme_secret_type", "region=acme-secret-region", "after=" + url.QueryEscape(mine.cursor), "limit=100"}
	for _, rt := range httpapi.Routes() {
		for _, query := range queries {
			a := mine.attack(api.Other, rt, query)
			if a.Status >= http.StatusInternalServerError {
				t.Errorf("%s %s?%s: %d %s", rt.Method, rt.Path, query, a.Status, a.Body)
			}
			if query == "" && strings.Contains(rt.Path, "{") && a.Status != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", rt.Method, rt.Path, a.Status, a.Body)
			}
			for _, word := range mine.words {
				if rt.Path == "/api/v1/drifts/bulk" && word == mine.drift {
					continue // It names the ids that it was sent.
				}
				if bytes.Contains(a.Body, []byte(word)) {
					t.Errorf("%s %s?%s shows %s: %s", rt.Method, rt.Path, query, word, a.Body)
				}
			}
		}
	}
	if after := rowsOf(t, api); after != before {
		t.Errorf("rows of the account have changed:\n%s\nwere\n%s", after, before)
	}
}

// rowsOf is every row that belongs to acme, of every table. A table that belongs to no account is named here.
func rowsOf(t *testing.T, api *apitest.API) string {
	t.Helper()
	rows, err := api.DB.Query(t.Context(), `select c.table_name from information_schema.tables c
		where c.table_schema = 'public' and c.table_type = 'BASE TABLE' order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		condition := "account_id = $1"
		switch table {
		case "stream_epoch", "goose_db_version", "redaction", "audit_seal", "river_job", "river_leader", "river_migration", "river_notification", "river_queue":
			continue
		case "account":
			condition = "id = $1"
		case "session", "setup_token", "sign_in_network", "alert_read", "user_identity":
			condition = "user_id in (select id from app_user where account_id = $1)"
		case "decided_path":
			condition = "drift_id in (select id from drift where account_id = $1)"
		case "refresh_token":
			condition = "session_id in (select s.id from session s join app_user u on u.id = s.user_id where u.account_id = $1)"
		}
		rows, err := api.DB.Query(t.Context(), fmt.Sprintf("select x::text from %s x where %s order by 1", pgx.Identifier{table}.Sanitize(), condition), api.Account)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		if len(texts) == 0 && !slices.Contains([]string{"setup_token", "user_identity", "rule_run"}, table) { // The rules have been applied.
			t.Errorf("the account has no row in %s, so nothing is proven of it", table)
		}
		fmt.Fprintf(&out, "%s\n  %s\n", table, strings.Join(texts, "\n  "))
	}
	return out.String()
}
