package httpapi_test

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// bulkBody is what the tests read of the response to a bulk decision.
type bulkBody struct {
	Decided int
	Results []struct {
		ID      uuid.UUID
		Decided bool
		Status  string
		Version int
		Error   *struct{ Code, Message string }
	}
}

// nextYear is when an approval may end.
var nextYear = time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second).Format(time.RFC3339)

func TestBulk(t *testing.T) {
	api := apitest.Start(t)
	a, b := report(t, api.Key, "a"), report(t, api.Key, "b")
	bulk := func(c *apitest.Client, body map[string]any, headers ...string) *apitest.Response {
		t.Helper()
		return c.Post("/api/v1/drifts/bulk", body, headers...)
	}

	t.Run("by ids, with a result for each", func(t *testing.T) {
		api.Engineer.Post("/api/v1/drifts/"+b.ID.String()+"/reject", map[string]string{"reason": reason}).Want(200)
		body := map[string]any{"action": "approve", "reason": reason, "until": nextYear, "ids": []uuid.UUID{a.ID, b.ID, uuid.New()}}
		first := bulk(api.Engineer, body, "Idempotency-Key", "once").Want(200)
		var got bulkBody
		first.Decode(&got)
		if got.Decided != 1 || len(got.Results) != 3 {
			t.Fatalf("%s", first.Body)
		}
		for _, r := range got.Results {
			switch {
			case r.ID == a.ID:
				if !r.Decided || r.Status != "approved" || r.Version != 2 || r.Error != nil {
					t.Errorf("%+v", r)
				}
			case r.ID == b.ID:
				if r.Decided || r.Status != "rejected" || r.Error == nil || r.Error.Code != "CONFLICT" {
					t.Errorf("%+v", r)
				}
			case r.Decided || r.Error == nil || r.Error.Code != "NOT_FOUND":
				t.Errorf("%+v", r)
			}
		}
		again := bulk(api.Engineer, body, "Idempotency-Key", "once").Want(200)
		if again.Header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(again.Body, first.Body) {
			t.Errorf("replayed: %s", again.Body)
		}
	})

	t.Run("by a group, which is taken back", func(t *testing.T) {
		var groups struct {
			Items []struct {
				ID    uuid.UUID
				Count int
			}
			Cursor string
		}
		list := api.Viewer.Get("/api/v1/drifts/groups?workspace=default&limit=5").Want(200)
		list.Decode(&groups)
		if len(groups.Items) != 1 || groups.Items[0].Count != 2 || groups.Cursor == "" {
			t.Fatalf("%s", list.Body)
		}
		api.Viewer.Get("/api/v1/drifts/groups?workspace=default&limit=5", "If-None-Match", list.Header.Get("ETag")).Want(http.StatusNotModified)
		filter := map[string]any{"group": []uuid.UUID{groups.Items[0].ID}, "open": true, "from": "2020-01-01T00:00:00Z", "search": "size"}
		body := map[string]any{"action": "reopen", "reason": reason, "filter": filter, "expectedCount": 1}
		bulk(api.Engineer, body).Want(http.StatusConflict)
		body["expectedCount"] = 2
		var got bulkBody
		bulk(api.Engineer, body).Want(200).Decode(&got)
		if got.Decided != 2 {
			t.Errorf("%+v", got)
		}
		if again := api.Viewer.Get("/api/v1/drifts?group=" + groups.Items[0].ID.String() + "&status=detected").Want(200); !bytes.Contains(again.Body, []byte(`"total":2`)) {
			t.Errorf("%s", again.Body)
		}
	})

	t.Run("refuses", func(t *testing.T) {
		for name, body := range map[string]map[string]any{
			"no action":                  {"ids": []uuid.UUID{a.ID}},
			"a resolution":               {"action": "resolve", "reason": reason, "ids": []uuid.UUID{a.ID}},
			"no drifts":                  {"action": "approve", "reason": reason},
			"a short reason":             {"action": "approve", "reason": "short", "ids": []uuid.UUID{a.ID}},
			"an end of a rejection":      {"action": "reject", "reason": reason, "until": nextYear, "ids": []uuid.UUID{a.ID}},
			"an unknown status":          {"action": "triage", "filter": map[string]any{"status": []string{"gone"}}, "expectedCount": 1},
			"an unknown filter":          {"action": "triage", "filter": map[string]any{"sortBy": "status"}, "expectedCount": 1},
			"a filter of no value":       {"action": "triage", "filter": map[string]any{"suppressed": "maybe"}, "expectedCount": 1},
			"an empty list":              {"action": "triage", "filter": map[string]any{"status": []string{}}, "expectedCount": 1},
			"an id of another form":      {"action": "triage", "ids": []string{"urn:uuid:" + a.ID.String()}},
			"a version of another drift": {"action": "triage", "ids": []uuid.UUID{a.ID}, "versions": map[string]int{b.ID.String(): 1}},
		} {
			if got := bulk(api.Engineer.Wrong(), body); got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		bulk(api.Viewer, map[string]any{"action": "triage", "ids": []uuid.UUID{a.ID}}).Want(403)
	})
}

// TestBulk_two_people_at_once: two engineers decide about the same drifts at the same time, over HTTP, by ids in another order and by a filter. Each
// drift is decided once, and what its audit row and its event say is what it is.
//
// Mutations: LockDrifts without `for update`; decideOn without d.check.
func TestBulk_two_people_at_once(t *testing.T) {
	api := apitest.Start(t)
	colleague := api.NewUser("acme", identity.Engineer)
	const rounds, many = 4, 25
	for round := range rounds {
		workspace := "w" + strconv.Itoa(round)
		ids := make([]uuid.UUID, many)
		for i := range ids {
			ids[i] = report(t, api.Key, workspace+"-"+strconv.Itoa(i), "workspace", workspace).ID
		}
		bodies := []map[string]any{
			{"action": "approve", "reason": reason, "ids": ids},
			{"action": "reject", "reason": reason, "filter": map[string]any{"workspace": []string{workspace}, "status": []string{"detected"}}, "expectedCount": many},
		}
		var responses [2]*apitest.Response
		var wg sync.WaitGroup
		for i, c := range []*apitest.Client{api.Engineer, colleague} {
			wg.Go(func() {
				var err error
				if responses[i], err = c.Try(t.Context(), http.MethodPost, "/api/v1/drifts/bulk", bodies[i]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		decided := 0
		for _, r := range responses {
			if r.Status == http.StatusConflict { // The filter fits nothing any more.
				continue
			}
			var got bulkBody
			r.Want(200).Decode(&got)
			decided += got.Decided
		}
		if decided != many {
			t.Fatalf("%d decisions about %d drifts: %s %s", decided, many, responses[0].Body, responses[1].Body)
		}
		for table, column := range map[string]string{"audit": "action", "event": "type"} {
			var n int
			subject := "drift_id"
			if table == "event" {
				subject = "(body->>'subject')::uuid"
			}
			rows, err := api.DB.Query(t.Context(), "select count(*)::int from "+table+" x join drift d on d.id = "+subject+
				" where d.workspace = $1 and x."+column+" = 'drift.' || d.status and d.version = 2", workspace)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				if err := rows.Scan(&n); err != nil {
					t.Fatal(err)
				}
			}
			if n != many {
				t.Errorf("%d rows of %s fit the drifts, want %d", n, table, many)
			}
		}
	}
}
