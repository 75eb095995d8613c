package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// checkBody is what the tests read of a check.
type checkBody struct {
	ID                                 uuid.UUID
	Workspace, Status, Purpose, SentBy string
	Evidence                           *struct{ Reasons []string }
	LeftOut                            struct {
		Count   int
		Entries []struct{ Path string }
	}
	Ref, Commit, RunURL, FailureReason *string
	TraceID                            string
}

type checkList struct {
	Items      []checkBody
	Pagination struct {
		Total   int
		HasMore bool
	}
}

// planOf is a plan with a time of its own, and this at its end.
func planOf(minute int, rest string) []byte {
	return fmt.Appendf(nil, `{"format_version":"1.2","terraform_version":"1.9.8","timestamp":"2026-03-01T00:%02d:00Z","complete":true%s}`, minute, rest)
}

const oneDrift = `,"resource_drift":[{"address":"aws_thing.x","mode":"managed","type":"aws_thing","name":"x","change":{"actions":["update"],"before":{"v":"a"},"after":{"v":"b"}}}]`

// upload sends a plan and gives the id of its check.
func upload(api *apitest.API, workspace string, plan []byte) uuid.UUID {
	var sent struct{ Check struct{ ID uuid.UUID } }
	api.Key.Post("/api/v1/ingest/plan?workspace="+url.QueryEscape(workspace), plan).Want(200).Decode(&sent)
	return sent.Check.ID
}

// Mutations: each condition of checkWhere left out, one after the other; `desc` left out of the order by id; the number of
// the page left out of Offset; CountChecks without its condition.
func TestChecks_list(t *testing.T) {
	api := apitest.Start(t)
	ok := upload(api, "network/prod", planOf(1, ""))
	drifted := upload(api, "network/prod", planOf(2, oneDrift))
	old := upload(api, "apps", planOf(2, ""))
	failed := upload(api, "apps", planOf(3, `,"errored":true`))
	preview := upload(api, "apps", planOf(4, ""))
	exec(t, api, "update workspace_check set purpose = 'preview' where id = $1", preview)
	exec(t, api, "update workspace_check set created_at = '2026-01-02T00:00:00Z' where id = $1", old)
	list := func(query string) (ids []uuid.UUID, l checkList) {
		t.Helper()
		api.Viewer.Get("/api/v1/checks" + query).Want(200).Decode(&l)
		for _, c := range l.Items {
			ids = append(ids, c.ID)
		}
		return ids, l
	}
	for query, want := range map[string][]uuid.UUID{
		"":                           {preview, failed, drifted, ok, old},
		"?workspace=network%2Fprod":  {drifted, ok},
		"?workspace=unknown":         nil,
		"?status=failed":             {failed},
		"?status=ok&workspace=apps":  {preview, old},
		"?purpose=preview":           {preview},
		"?purpose=record&status=ok":  {ok, old},
		"?to=2026-01-02T00:00:00Z":   nil,
		"?to=2026-01-02T00:00:00.1Z": {old},
		"?from=2026-01-02T01:00:00%2B01:00&to=2026-02-01T00:00:00Z": {old},
		"?from=2026-01-02T00:00:01Z&limit=2":                        {preview, failed},
		"?limit=2&page=2":                                           {drifted, ok},
		"?limit=2&page=3":                                           {old},
		"?limit=2&page=4":                                           nil,
	} {
		if got, _ := list(query); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]int{"": 5, "?limit=2&page=2": 5, "?limit=2&page=4": 5, "?limit=1&workspace=apps": 3, "?limit=1&status=ok": 3} {
		if _, l := list(query); l.Pagination.Total != want {
			t.Errorf("%q counts %d, want %d", query, l.Pagination.Total, want)
		}
	}

	t.Run("checks of the same time keep their order", func(t *testing.T) {
		exec(t, api, "update workspace_check set created_at = '2026-01-01T00:00:00Z'")
		want := []uuid.UUID{ok, drifted, failed, preview, old}
		slices.SortFunc(want, func(a, b uuid.UUID) int { return strings.Compare(b.String(), a.String()) })
		var got []uuid.UUID
		for page := range 5 {
			one, _ := list(fmt.Sprintf("?limit=1&page=%d", page+1))
			got = append(got, one...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
	t.Run("another account sees none", func(t *testing.T) {
		var l checkList
		api.Other.Get("/api/v1/checks").Want(200).Decode(&l)
		if len(l.Items) != 0 || l.Pagination.Total != 0 {
			t.Errorf("%+v", l)
		}
		api.Other.Get("/api/v1/checks/" + ok.String()).Want(404)
	})
	t.Run("a wrong parameter is named", func(t *testing.T) {
		for query, field := range map[string]string{
			"workspace=-": "workspace", "status=errored": "status", "purpose=all": "purpose", "from=yesterday": "from", "to=2026-03-01": "to",
			"limit=101": "limit", "branch=main": "branch",
		} {
			a := api.Viewer.Wrong().Get("/api/v1/checks?" + query).Want(400)
			if a.Error.Details == nil || a.Error.Details.Errors[0].Field != field {
				t.Errorf("%s: %s", query, a.Body)
			}
		}
	})
}

// Mutations: the bound of reasons or of left-out entries left out; optionalText left out; evidence shown without Refreshed.
func TestChecks_one(t *testing.T) {
	api := apitest.Start(t)
	id := upload(api, "network", planOf(1, oneDrift))
	path := "/api/v1/checks/" + id.String()

	var c checkBody
	exec(t, api, `update workspace_check set refreshed = null, coverage = null`) // As an earlier version wrote it.
	got := api.Viewer.Get(path).Want(200)
	got.Decode(&c)
	if c.Evidence != nil || c.Ref != nil || c.FailureReason != nil || c.Purpose != "record" || c.SentBy != "ci" || c.TraceID == "" || len(c.LeftOut.Entries) != 0 {
		t.Errorf("an old check: %s", got.Body)
	}

	exec(t, api, `update workspace_check set refreshed = 'unknown', coverage = 'full', mode = 'normal', unproven = 3,
		reasons = array(select 'Reason ' || x || '.' from generate_series(1, 30) x), root_mismatch = true, ref = 'main', commit_sha = 'abc',
		run_url = 'https://ci.example/1', triggered_by = 'ada', failure_reason = 'no plan came', left_out = 50, wrapper_lines = 2,
		left_out_entries = (select jsonb_agg(jsonb_build_object('path', 'resource_drift[' || x || ']', 'resource', '', 'reason', 'has a NUL'))
			from generate_series(0, 29) x)`)
	got = api.Viewer.Get(path).Want(200)
	got.Decode(&c)
	if c.LeftOut.Count != 50 || len(c.LeftOut.Entries) != 20 || c.LeftOut.Entries[19].Path != "resource_drift[19]" || len(c.Evidence.Reasons) != 20 {
		t.Errorf("the lists are not bounded: %s", got.Body)
	}
	for _, want := range []string{
		`"evidence":{"refreshed":"unknown","coverage":"full","mode":"normal","unproven":3,"reasons":["Reason 1.",`, `"rootMismatch":true`,
		`"ref":"main","commit":"abc","runUrl":"https://ci.example/1","triggeredBy":"ada","failureReason":"no plan came"`,
		`"wrapperLines":2,"formatVersion":"1.2","sentBy":"ci"`,
		`"counts":{"new":1,"changed":0,"unchanged":0,"resolved":0,"suppressed":0}`, `{"path":"resource_drift[0]","resource":"","reason":"has a NUL"}`,
	} {
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("no %s in %s", want, got.Body)
		}
	}
	var list struct{ Items []json.RawMessage }
	api.Viewer.Get("/api/v1/checks").Want(200).Decode(&list)
	if !strings.Contains(string(list.Items[0]), `"leftOut":{"count":50,"entries":[]}`) {
		t.Errorf("in the list: %s", list.Items[0])
	}
	api.Viewer.Get("/api/v1/checks/" + uuid.NewString()).Want(404)
	if a := api.Viewer.Wrong().Get("/api/v1/checks/latest").Want(400); a.Error.Details.Errors[0].Field != "id" {
		t.Errorf("%s", a.Body)
	}
}

// Mutations: checkId left out of the encoder; commit and ref swapped in the detail.
func TestChecks_of_a_drift(t *testing.T) {
	api := apitest.Start(t)
	var sent struct {
		Check  struct{ ID uuid.UUID }
		Drifts []struct{ ID, CheckID uuid.UUID }
	}
	api.Key.Post("/api/v1/ingest/plan?workspace=network&ref=main&commit=abc&runUrl=https%3A%2F%2Fci.example%2F1&triggeredBy=ada", planOf(1, oneDrift)).
		Want(200).Decode(&sent)
	if sent.Drifts[0].CheckID != sent.Check.ID {
		t.Errorf("the drift is of the check %s, want %s", sent.Drifts[0].CheckID, sent.Check.ID)
	}
	again := upload(api, "network", planOf(2, oneDrift)) // Which says nothing about itself.
	var list struct{ Items []struct{ CheckID uuid.UUID } }
	api.Viewer.Get("/api/v1/drifts").Want(200).Decode(&list)
	if list.Items[0].CheckID != again {
		t.Errorf("seen again, the drift is of the check %s, want %s", list.Items[0].CheckID, again)
	}
	path := "/api/v1/drifts/" + sent.Drifts[0].ID.String()
	if got := string(api.Viewer.Get(path).Want(200).Body); !strings.Contains(got, `"ref":null,"commit":null,"runUrl":null,"triggeredBy":null`) {
		t.Errorf("seen again: %s", got)
	}
	api.Key.Post("/api/v1/ingest/plan?workspace=network&ref=main&commit=abc&runUrl=https%3A%2F%2Fci.example%2F1&triggeredBy=ada", planOf(3, oneDrift)).Want(200)
	if got := string(api.Viewer.Get(path).Want(200).Body); !strings.Contains(got, `"ref":"main","commit":"abc","runUrl":"https://ci.example/1","triggeredBy":"ada"`) {
		t.Errorf("seen by a run that says what it is: %s", got)
	}
}

func exec(t *testing.T, api *apitest.API, sql string, args ...any) {
	t.Helper()
	if _, err := api.DB.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}
