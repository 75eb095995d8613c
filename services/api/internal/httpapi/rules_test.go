package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

type ruleJSON struct {
	ID, Status, Effect, Reason string
	Position                   int
	Match                      struct{ Types, Paths []string }
	SuppressedDrifts           int
	EndedHow                   *string
}

// noise is a rule that ignores all drifts of a type.
func noise(typ string) map[string]any {
	return map[string]any{"effect": "ignore", "match": map[string]any{"types": []string{typ}}, "reason": "this type is only noise"}
}

func TestRules(t *testing.T) {
	api := apitest.Start(t)
	report := func(id, typ string) string {
		var d struct{ ID string }
		api.Key.Post("/api/v1/drifts", map[string]any{
			"resourceId": id, "resourceType": typ, "region": "eu-central-1", "severity": "critical",
			"expectedState": map[string]string{"size": "s"}, "actualState": map[string]string{"size": "l"},
		}).Want(http.StatusCreated).Decode(&d)
		return d.ID
	}
	noisy := report("i-1", "aws_noisy")
	report("i-2", "aws_quiet")
	total := func(query string) (n int) {
		var list struct{ Pagination struct{ Total int } }
		api.Viewer.Get("/api/v1/drifts" + query).Want(200).Decode(&list)
		return list.Pagination.Total
	}
	var proposed, made ruleJSON
	t.Run("an engineer proposes, an admin accepts", func(t *testing.T) {
		api.Viewer.Post("/api/v1/rules", noise("aws_noisy")).Want(http.StatusForbidden)
		api.Key.Wrong().Post("/api/v1/rules", noise("aws_noisy")).Want(http.StatusForbidden)
		api.Engineer.Post("/api/v1/rules", noise("aws_noisy")).Want(http.StatusCreated).Decode(&proposed)
		if proposed.Status != "proposed" || total("") != 2 {
			t.Errorf("%+v, %d drifts", proposed, total(""))
		}
		for _, path := range []string{"/accept", ""} {
			method := map[string]string{"": http.MethodDelete, "/accept": http.MethodPost}[path]
			var body any
			if path != "" {
				body = struct{}{}
			}
			api.Engineer.Do(method, "/api/v1/rules/"+proposed.ID+path, body).Want(http.StatusForbidden)
		}
		var preview struct{ Examined, Matched, Suppressed int }
		api.Engineer.Post("/api/v1/rules/preview", noise("aws_noisy")).Want(200).Decode(&preview)
		if preview.Examined != 2 || preview.Matched != 1 || preview.Suppressed != 1 {
			t.Errorf("%+v", preview)
		}
		api.Admin.Post("/api/v1/rules/"+proposed.ID+"/accept", struct{}{}).Want(200).Decode(&made)
		if made.Status != "active" {
			t.Errorf("%+v", made)
		}
		untilNone(t, api)
	})
	t.Run("a suppressed drift is off the default list, and counted", func(t *testing.T) {
		for query, want := range map[string]int{"": 1, "?suppressed=false": 1, "?suppressed=true": 1, "?suppressed=any": 2} {
			if n := total(query); n != want {
				t.Errorf("%q: %d drifts, want %d", query, n, want)
			}
		}
		api.Viewer.Wrong().Get("/api/v1/drifts?suppressed=all").Want(http.StatusBadRequest)
		var detail struct {
			Suppressed *struct {
				Rule, Reason string
				Until        *string
			}
		}
		api.Viewer.Get("/api/v1/drifts/" + noisy).Want(200).Decode(&detail)
		if s := detail.Suppressed; s == nil || s.Rule != made.ID || s.Reason != made.Reason || s.Until != nil {
			t.Errorf("%+v", s)
		}
		rows, err := csv.NewReader(bytes.NewReader(api.Viewer.Get("/api/v1/drifts/export?suppressed=any").Want(200).Body)).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v: %v", err, rows)
		}
		for _, row := range rows[1:] {
			exported := map[string]string{}
			for i, name := range rows[0] {
				exported[name] = row[i]
			}
			want := [...]string{"false", "", "", ""}
			if exported["id"] == noisy {
				want = [...]string{"true", made.ID, made.Reason, ""}
			}
			if got := [...]string{exported["suppressed"], exported["suppressedByRule"], exported["suppressedReason"], exported["suppressedUntil"]}; got != want {
				t.Errorf("%s is exported as %q, want %q", exported["id"], got, want)
			}
		}
		var summary struct {
			Drifts struct {
				Total, Suppressed int
				BySeverity        map[string]int
			}
			Alerts struct{ Unread int }
		}
		api.Viewer.Get("/api/v1/metrics/summary").Want(200).Decode(&summary)
		if d := summary.Drifts; d.Total != 1 || d.Suppressed != 1 || d.BySeverity["critical"] != 1 || summary.Alerts.Unread != 1 {
			t.Errorf("%+v", summary)
		}
		for _, path := range []string{"severity", "status"} {
			var shares struct{ Total, Suppressed int }
			api.Viewer.Get("/api/v1/metrics/" + path + "-distribution").Want(200).Decode(&shares)
			if shares.Total != 1 || shares.Suppressed != 1 {
				t.Errorf("%s: %+v", path, shares)
			}
		}
		var workspaces []struct{ OpenDrifts, SuppressedDrifts int }
		api.Viewer.Get("/api/v1/workspaces").Want(200).Decode(&workspaces)
		var one struct{ OpenDrifts, SuppressedDrifts int }
		api.Viewer.Get("/api/v1/workspaces/default").Want(200).Decode(&one)
		if len(workspaces) != 1 || workspaces[0] != one || one.OpenDrifts != 1 || one.SuppressedDrifts != 1 {
			t.Errorf("%+v %+v", workspaces, one)
		}
		var found ruleJSON
		api.Viewer.Get("/api/v1/rules/" + made.ID).Want(200).Decode(&found)
		if found.SuppressedDrifts != 1 {
			t.Errorf("%+v", found)
		}
	})
	t.Run("rules are listed in their order, page by page", func(t *testing.T) {
		var second ruleJSON
		api.Admin.Post("/api/v1/rules", noise("aws_other")).Want(http.StatusCreated).Decode(&second)
		var page struct {
			Items      []ruleJSON
			Pagination struct {
				Total      int
				NextCursor *string
			}
		}
		api.Viewer.Get("/api/v1/rules?limit=1").Want(200).Decode(&page)
		if len(page.Items) != 1 || page.Items[0].ID != made.ID || page.Pagination.Total != 2 || page.Pagination.NextCursor == nil {
			t.Fatalf("%+v", page)
		}
		api.Viewer.Get("/api/v1/rules?limit=1&cursor=" + *page.Pagination.NextCursor).Want(200).Decode(&page)
		if len(page.Items) != 1 || page.Items[0].ID != second.ID {
			t.Errorf("%+v", page)
		}
		api.Admin.Post("/api/v1/rules/reorder", map[string]any{"ids": []string{second.ID, made.ID}}).Want(200)
		api.Viewer.Get("/api/v1/rules?status=active&limit=1").Want(200).Decode(&page)
		if page.Items[0].ID != second.ID {
			t.Errorf("%+v", page)
		}
		api.Admin.Do(http.MethodPatch, "/api/v1/rules/"+second.ID, map[string]any{"match": map[string]any{"paths": []string{"size"}}}).Want(200).Decode(&second)
		if len(second.Match.Types) != 0 || len(second.Match.Paths) != 1 {
			t.Errorf("%+v", second)
		}
		api.Admin.Do(http.MethodDelete, "/api/v1/rules/"+second.ID, nil).Want(200).Decode(&second)
		if second.Status != "ended" || *second.EndedHow != "ended" {
			t.Errorf("%+v", second)
		}
		api.Viewer.Get("/api/v1/rules?status=ended").Want(200).Decode(&page)
		if len(page.Items) != 1 || page.Items[0].ID != second.ID {
			t.Errorf("%+v", page)
		}
		untilNone(t, api)
	})
	t.Run("a wrong rule is refused, by field", func(t *testing.T) {
		for field, body := range map[string]map[string]any{
			"effect":      {"effect": "hide", "match": map[string]any{"types": []string{"x"}}, "reason": "this type is only noise"},
			"match":       {"effect": "ignore", "match": map[string]any{}, "reason": "this type is only noise"},
			"match.paths": {"effect": "ignore", "match": map[string]any{"paths": []string{""}}, "reason": "this type is only noise"},
			"reason":      {"effect": "ignore", "match": map[string]any{"types": []string{"x"}}, "reason": "noise"},
			"severity":    {"effect": "severity", "match": map[string]any{"types": []string{"x"}}, "reason": "this type is only noise"},
			"expiresAt":   {"effect": "ignore", "match": map[string]any{"types": []string{"x"}}, "reason": "this type is only noise", "expiresAt": "2020-01-01T00:00:00Z"},
		} {
			for _, path := range []string{"", "/preview"} {
				got := api.Admin.Wrong().Post("/api/v1/rules"+path, body).Want(http.StatusBadRequest)
				if want := fmt.Sprintf(`"field":%q`, field); !strings.Contains(string(got.Body), want) {
					t.Errorf("%s: %s", field, got.Body)
				}
			}
		}
		api.Admin.Wrong().Post("/api/v1/rules/reorder", map[string]any{"ids": []string{"x"}}).Want(http.StatusBadRequest)
		api.Admin.Wrong().Do(http.MethodPatch, "/api/v1/rules/"+made.ID, map[string]any{}).Want(http.StatusBadRequest)
	})
	t.Run("another account has its own", func(*testing.T) {
		api.Other.Get("/api/v1/rules/" + made.ID).Want(http.StatusNotFound)
		api.Other.Do(http.MethodDelete, "/api/v1/rules/"+made.ID, nil).Want(http.StatusNotFound)
	})
	t.Run("the trail has every change", func(t *testing.T) {
		for action, want := range map[string]int{"rule.created": 2, "rule.ended": 1} {
			if n := pgtest.Value[int](t, api.DB, "select count(*)::int from audit where action = $1", action); n != want {
				t.Errorf("%s: %d rows, want %d", action, n, want)
			}
		}
	})
}

// untilNone waits until the rules are applied.
func untilNone(t *testing.T, api *apitest.API) {
	t.Helper()
	for pgtest.Value[int](t, api.DB, "select count(*)::int from rule_run") > 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
}
