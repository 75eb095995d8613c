package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// workspaceBody is what the tests read of a workspace.
type workspaceBody struct {
	Name, Status             string
	OpenDrifts               int
	OpenBySeverity           struct{ Critical, Warning, Info int }
	OldestOpenAt             *time.Time
	RecordRef                *string
	RootKnown, AcceptRoot    bool
	LastCheck, LastGoodCheck *checkBody
	Trend                    []struct {
		Date                       string
		Checks, Failed, OpenDrifts int
	}
}

// Mutations: `resolved_at is null` or `workspace = @name` left out of the open drifts; countsForStatus left out of LastChecks
// or of Trend; `c.status <> 'failed'` left out; greatest left out of Trend; the resolved drifts left out of it.
func TestWorkspaces_one(t *testing.T) {
	api := apitest.Start(t)
	today := time.Now().UTC().Format(time.DateOnly)
	get := func(name string) (w workspaceBody) {
		t.Helper()
		api.Viewer.Get("/api/v1/workspaces/" + name).Want(200).Decode(&w)
		return w
	}
	report(t, api.Engineer, "never checked", "workspace", "reported")
	if w := get("reported"); w.Status != "stale" || w.LastCheck != nil || w.LastGoodCheck != nil || w.OpenBySeverity.Warning != 1 || w.RootKnown || w.AcceptRoot || w.RecordRef != nil {
		t.Errorf("a workspace without a check: %+v", w)
	}

	good := upload(api, "network/prod", planOf(1, oneDrift))
	stale := upload(api, "network/prod", planOf(0, ""))
	preview := upload(api, "network/prod", planOf(2, ""))
	exec(t, api, "update workspace_check set purpose = 'preview' where id = $1", preview)
	failed := upload(api, "network/prod", planOf(3, `,"errored":true`))
	upload(api, "apps", planOf(4, oneDrift))
	report(t, api.Engineer, "gone", "workspace", "network/prod", "severity", "critical")
	report(t, api.Engineer, "heavy", "workspace", "network/prod", "severity", "critical")
	exec(t, api, "update drift set first_seen_at = now() - interval '40 days' where workspace = 'network/prod'")
	exec(t, api, "update drift set first_seen_at = now() - interval '2 days' where resource_id = 'heavy'")
	exec(t, api, "update drift set status = 'resolved', resolved_at = now() - interval '1 day' where resource_id = 'gone'")

	w := get("network%2Fprod")
	if w.Name != "network/prod" || w.Status != "failed" || w.OpenDrifts != 2 || w.OpenBySeverity.Critical != 1 || w.OpenBySeverity.Warning != 1 {
		t.Errorf("%+v", w)
	}
	if w.OldestOpenAt == nil || time.Since(*w.OldestOpenAt) < 39*24*time.Hour {
		t.Errorf("the oldest is of %v", w.OldestOpenAt)
	}
	if w.LastCheck.ID != failed || w.LastGoodCheck.ID != good {
		t.Errorf("the last checks are %s and %s, want %s and %s; not the stale %s or the preview %s",
			w.LastCheck.ID, w.LastGoodCheck.ID, failed, good, stale, preview)
	}
	var days []string
	for _, d := range w.Trend {
		days = append(days, fmt.Sprint(d.Checks, "/", d.Failed, "/", d.OpenDrifts))
	}
	want := strings.Repeat("0/0/2 ", 27) + "0/0/3 0/0/2 2/1/2"
	if got := strings.Join(days, " "); time.Now().UTC().Format(time.DateOnly) != today {
		t.Log("The day ended during the test, so that the trend was not compared.")
	} else if got != want || w.Trend[29].Date != today {
		t.Errorf("the trend until %s is\n%s, want\n%s", w.Trend[29].Date, got, want)
	}

	again := upload(api, "network/prod", planOf(5, ""))
	if w := get("network%2Fprod"); w.LastCheck.ID != again || w.LastGoodCheck.ID != again || w.Status == "failed" {
		t.Errorf("after a good check: %+v", w)
	}

	api.Other.Get("/api/v1/workspaces/network%2Fprod").Want(404)
	api.Viewer.Get("/api/v1/workspaces/" + uuid.NewString()).Want(404)
	if a := api.Viewer.Wrong().Get("/api/v1/workspaces/-x").Want(400); a.Error.Details.Errors[0].Field != "name" {
		t.Errorf("%s", a.Body)
	}
	for _, name := range []string{"%25", "network%252Fprod", "network%25252Fprod"} { // unescaped once
		api.Viewer.Wrong().Get("/api/v1/workspaces/" + name).Want(400)
	}
	if a := api.Viewer.Wrong().Do(http.MethodDelete, "/api/v1/workspaces/network%2Fprod", nil).Want(405); a.Header.Get("Allow") != "GET, HEAD, PATCH" {
		t.Errorf("allowed: %q", a.Header.Get("Allow"))
	}
}

// Mutations: the settings not saved; the audit row or the event left out, or made when nothing has changed; null taken for
// absent; the check of the ref left out; `account_id = @account` left out of LockSettings.
func TestWorkspaces_update(t *testing.T) {
	api := apitest.Start(t)
	upload(api, "network/prod", planOf(1, ""))
	const path = "/api/v1/workspaces/network%2Fprod"
	patch := func(c *apitest.Client, body any) *apitest.Response {
		t.Helper()
		return c.Do(http.MethodPatch, path, body)
	}
	settings := func(a *apitest.Response) (text string) {
		t.Helper()
		var returned, read workspaceBody
		a.Want(200).Decode(&returned)
		api.Viewer.Get(path).Want(200).Decode(&read)
		for _, w := range []workspaceBody{returned, read} {
			ref := "any"
			if w.RecordRef != nil {
				ref = *w.RecordRef
			}
			text += fmt.Sprint(w.Name, " ", ref, " ", w.AcceptRoot, "; ")
		}
		return text
	}
	trail := func() (rows []struct {
		Action, Subject, Message, ActorEmail, TraceID string
		Metadata                                      json.RawMessage
	}) {
		t.Helper()
		var list struct{ Items json.RawMessage }
		api.Admin.Get("/api/v1/audit?action=workspace.updated").Want(200).Decode(&list)
		if err := json.Unmarshal(list.Items, &rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	events := func() (datas []json.RawMessage) {
		t.Helper()
		var list struct {
			Items []struct {
				Topics []string
				Event  struct {
					Type string
					Data json.RawMessage
				}
			}
		}
		api.Viewer.Get("/api/v1/events?limit=500").Want(200).Decode(&list)
		for _, item := range list.Items {
			if item.Event.Type == "workspace.updated" && slices.Equal(item.Topics, []string{"checks"}) {
				datas = append(datas, item.Event.Data)
			}
		}
		return datas
	}

	first := patch(api.Engineer, map[string]any{"recordRef": "main"})
	if got, want := settings(first), strings.Repeat("network/prod main false; ", 2); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := settings(patch(api.Engineer, map[string]any{"recordRef": "main", "acceptRoot": true})), strings.Repeat("network/prod main true; ", 2); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	settings(patch(api.Engineer, map[string]any{"recordRef": "main", "acceptRoot": true})) // Which changes nothing.
	if got, want := settings(patch(api.Admin, map[string]any{"recordRef": nil, "acceptRoot": false})), strings.Repeat("network/prod any false; ", 2); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	rows, datas := trail(), events()
	if len(rows) != 3 || len(datas) != 3 {
		t.Fatalf("%d audit rows and %d events of 3 changes", len(rows), len(datas))
	}
	oldest, newest := rows[2], rows[0]
	if oldest.Subject != "network/prod" || oldest.Message != "records the plans of main only" || oldest.ActorEmail != api.Engineer.User.Email ||
		oldest.TraceID != first.Correlation() || string(oldest.Metadata) != `{"recordRef":{"from":null,"to":"main"}}` {
		t.Errorf("the first row: %+v %s", oldest, oldest.Metadata)
	}
	if newest.Message != "records the plans of every ref; does not accept another root any more" || newest.ActorEmail != api.Admin.User.Email {
		t.Errorf("the last row: %+v", newest)
	}
	if last := string(datas[2]); !strings.Contains(last, `"name":"network/prod","recordRef":null,"acceptRoot":false`) || !strings.Contains(last, api.Admin.User.Email) {
		t.Errorf("the last event: %s", last)
	}

	t.Run("bad input is named", func(t *testing.T) {
		for body, field := range map[string]string{
			`{"recordRef":""}`: "recordRef", `{"recordRef":"   "}`: "recordRef", `{"recordRef":"a\tb"}`: "recordRef", `{"recordRef":7}`: "recordRef",
			`{"recordRef":"` + strings.Repeat("r", 257) + `"}`: "recordRef", `{"acceptRoot":null}`: "acceptRoot", `{"acceptRoot":"yes"}`: "acceptRoot",
			`{"root":"x"}`: "root",
		} {
			a := patch(api.Engineer.Wrong(), []byte(body)).Want(400)
			if a.Error.Details == nil || a.Error.Details.Errors[0].Field != field {
				t.Errorf("%s: %s", body, a.Body)
			}
		}
		patch(api.Engineer.Wrong(), []byte(`{}`)).Want(400)
	})
	t.Run("only engineers of the account", func(t *testing.T) {
		change := map[string]any{"recordRef": "theirs"}
		patch(api.Viewer, change).Want(403)
		patch(api.Key, change).Want(403)
		patch(api.Other, change).Want(404)
		if got := trail(); len(got) != 3 {
			t.Errorf("%d audit rows", len(got))
		}
	})
	t.Run("a change makes no workspace", func(*testing.T) {
		api.Engineer.Do(http.MethodPatch, "/api/v1/workspaces/unknown", map[string]any{"recordRef": "main"}).Want(404)
		api.Viewer.Get("/api/v1/workspaces/unknown").Want(404)
	})
}
