package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// driftBody is what the tests read of a drift.
type driftBody struct {
	ID                           uuid.UUID
	Version, AlertCount          int
	Status, Severity, ResourceID string
	CanApprove, CanReject        bool
	CostImpactMonthly            float64
	ApprovedBy                   *string
}

// reported is the body of a report of this resource.
func reported(resource string, more ...any) map[string]any {
	body := map[string]any{
		"resourceId": resource, "resourceType": "aws_instance", "region": "eu-central-1",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	}
	for i := 0; i < len(more); i += 2 {
		name := more[i].(string)
		if more[i+1] == absent {
			delete(body, name)
			continue
		}
		body[name] = more[i+1]
	}
	return body
}

// absent takes a field out of a body.
var absent = &struct{ name string }{"absent"}

func report(t *testing.T, c *apitest.Client, resource string, more ...any) driftBody {
	t.Helper()
	var d driftBody
	c.Post("/api/v1/drifts", reported(resource, more...)).Want(http.StatusCreated).Decode(&d)
	return d
}

const reason = "agreed with the network team"

func TestDrifts_life(t *testing.T) {
	api := apitest.Start(t)
	d := report(t, api.Key, "web", "severity", "critical", "costImpactMonthly", 12.5)
	path := "/api/v1/drifts/" + d.ID.String()

	var got driftBody
	api.Engineer.Get(path).Want(200).Decode(&got)
	if got.AlertCount != 1 || !got.CanApprove || !got.CanReject || got.CostImpactMonthly != 12.5 {
		t.Errorf("to an engineer: %+v", got)
	}
	api.Viewer.Get(path).Want(200).Decode(&got)
	if got.CanApprove || got.CanReject {
		t.Errorf("to a viewer: %+v", got)
	}
	api.Engineer.Post(path+"/triage", struct{}{}).Want(200).Decode(&got)
	if got.Status != "triaged" || got.Version != 2 {
		t.Errorf("triaged: %+v", got)
	}
	api.Engineer.Post(path+"/approve", map[string]any{"reason": reason, "version": 1}).Want(409)
	approval := api.Engineer.Post(path+"/approve", map[string]any{"reason": reason, "version": 2}).Want(200)
	approval.Decode(&got)
	if got.Status != "approved" || *got.ApprovedBy != api.Engineer.User.Email {
		t.Errorf("approved: %+v", got)
	}
	api.Admin.Post(path+"/reject", map[string]any{"reason": reason}).Want(409)
	api.Engineer.Get(path).Want(200).Decode(&got)
	if got.CanApprove {
		t.Error("an approved drift can be approved")
	}
	api.Admin.Post(path+"/resolve", map[string]any{"resolvedHow": "manual-fix"}).Want(200)

	var timeline []struct{ Action, ActorRole, TraceID string }
	api.Viewer.Get(path + "/timeline").Want(200).Decode(&timeline)
	var actions []string
	for _, row := range timeline {
		actions = append(actions, row.Action+" by "+row.ActorRole)
	}
	want := []string{"drift.created by api_key", "drift.triaged by engineer", "drift.approved by engineer", "drift.resolved by admin"}
	if !slices.Equal(actions, want) || timeline[2].TraceID != approval.Correlation() {
		t.Errorf("timeline %v, want %v", actions, want)
	}

	other := report(t, api.Engineer, "db")
	api.Engineer.Post("/api/v1/drifts/"+other.ID.String()+"/reject", map[string]any{"reason": reason}).Want(200)

	t.Run("another account's is not found", func(t *testing.T) {
		api.Other.Get(path).Want(404)
		api.Other.Get(path + "/timeline").Want(404)
		for _, decision := range []struct {
			name string
			body map[string]any
		}{
			{"triage", map[string]any{}}, {"approve", map[string]any{"reason": reason}},
			{"reject", map[string]any{"reason": reason}}, {"resolve", map[string]any{"resolvedHow": "acknowledged"}},
		} {
			api.Other.Post(path+"/"+decision.name, decision.body).Want(404)
		}
		var list struct{ Items []driftBody }
		api.Other.Get("/api/v1/drifts").Want(200).Decode(&list)
		if len(list.Items) != 0 {
			t.Errorf("another account sees %+v", list)
		}
	})
}

func TestDrifts_wrong(t *testing.T) {
	api := apitest.Start(t)
	d := report(t, api.Engineer, "web")
	path := "/api/v1/drifts/" + d.ID.String()
	for name, c := range map[string]struct {
		method, path string
		body         any
		field        string
	}{
		"no reason":                   {"POST", path + "/approve", map[string]any{}, "reason"},
		"a short reason":              {"POST", path + "/reject", map[string]any{"reason": "no"}, "reason"},
		"version 0":                   {"POST", path + "/approve", map[string]any{"reason": reason, "version": 0}, "version"},
		"a version that is none":      {"POST", path + "/triage", map[string]any{"version": "1"}, "version"},
		"no way to resolve":           {"POST", path + "/resolve", map[string]any{}, "resolvedHow"},
		"a plan's way to resolve":     {"POST", path + "/resolve", map[string]any{"resolvedHow": "reverted"}, "resolvedHow"},
		"an unknown field":            {"POST", path + "/approve", map[string]any{"reason": reason, "force": true}, "force"},
		"no id":                       {"POST", "/api/v1/drifts/invalid/approve", map[string]any{"reason": reason}, "id"},
		"no resource":                 {"POST", "/api/v1/drifts", reported("", "resourceId", absent), "resourceId"},
		"an empty type":               {"POST", "/api/v1/drifts", reported("x", "resourceType", ""), "resourceType"},
		"no region":                   {"POST", "/api/v1/drifts", reported("x", "region", absent), "region"},
		"no expected state":           {"POST", "/api/v1/drifts", reported("x", "expectedState", absent), "expectedState"},
		"an actual state as a list":   {"POST", "/api/v1/drifts", reported("x", "actualState", []int{1}), "actualState"},
		"no difference":               {"POST", "/api/v1/drifts", reported("x", "actualState", map[string]any{"size": "small"}), "actualState"},
		"both states null":            {"POST", "/api/v1/drifts", reported("x", "actualState", nil, "expectedState", nil), "actualState"},
		"an empty severity":           {"POST", "/api/v1/drifts", reported("x", "severity", ""), "severity"},
		"a cost that is too high":     {"POST", "/api/v1/drifts", reported("x", "costImpactMonthly", 1e13), "costImpactMonthly"},
		"a cost that is no number":    {"POST", "/api/v1/drifts", reported("x", "costImpactMonthly", "12"), "costImpactMonthly"},
		"a cost beyond all numbers":   {"POST", "/api/v1/drifts", []byte(`{"costImpactMonthly":1e400}`), "costImpactMonthly"},
		"an empty workspace":          {"POST", "/api/v1/drifts", reported("x", "workspace", ""), "workspace"},
		"a workspace with a space":    {"POST", "/api/v1/drifts", reported("x", "workspace", "a b"), "workspace"},
		"page 0":                      {"GET", "/api/v1/drifts?page=0", nil, "page"},
		"a page that is no number":    {"GET", "/api/v1/drifts?page=one", nil, "page"},
		"limit 101":                   {"GET", "/api/v1/drifts?limit=101", nil, "limit"},
		"a page too far":              {"GET", "/api/v1/drifts?page=1001&limit=10", nil, "page"},
		"an unknown severity":         {"GET", "/api/v1/drifts?severity=high", nil, "severity"},
		"an unknown status":           {"GET", "/api/v1/drifts?status=open", nil, "status"},
		"an unknown sort column":      {"GET", "/api/v1/drifts?sortBy=id", nil, "sortBy"},
		"an unknown order":            {"GET", "/api/v1/drifts?sortOrder=up", nil, "sortOrder"},
		"an unknown parameter":        {"GET", "/api/v1/drifts?q=1", nil, "q"},
		"a parameter twice":           {"GET", "/api/v1/drifts?page=1&page=2", nil, "page"},
		"an empty parameter":          {"GET", "/api/v1/drifts?region=", nil, "region"},
		"a NUL in a parameter":        {"GET", "/api/v1/drifts?search=a%00b", nil, "search"},
		"no UTF-8 in a parameter":     {"GET", "/api/v1/drifts?search=%ff", nil, "search"},
		"a bad workspace filter":      {"GET", "/api/v1/drifts?workspace=%20", nil, "workspace"},
		"an alert's bad drift":        {"GET", "/api/v1/alerts?driftId=1", nil, "driftId"},
		"an alert that is half read":  {"GET", "/api/v1/alerts?isRead=maybe", nil, "isRead"},
		"no days":                     {"GET", "/api/v1/metrics/summary?days=0", nil, "days"},
		"more than a year":            {"GET", "/api/v1/metrics/cost-trend?days=366", nil, "days"},
		"a cursor that is none":       {"GET", "/api/v1/events?after=yesterday", nil, "after"},
		"too many events":             {"GET", "/api/v1/events?limit=501", nil, "limit"},
		"an action that is none":      {"GET", "/api/v1/audit?action=approve", nil, "action"},
		"a body where nothing goes":   {"POST", "/api/v1/alerts/mark-all-read", map[string]any{"all": true}, "all"},
		"an alert's id that is none":  {"POST", "/api/v1/alerts/1/mark-read", nil, "id"},
		"no workspace with a plan":    {"POST", "/api/v1/ingest/plan", map[string]any{}, "workspace"},
		"a bad workspace with a plan": {"POST", "/api/v1/ingest/plan?workspace=-", map[string]any{}, "workspace"},
		"a scope that is none":        {"POST", "/api/v1/ingest/plan?workspace=w&scope=most", map[string]any{}, "scope"},
		"a version of plans to come":  {"POST", "/api/v1/ingest/plan?workspace=w", map[string]any{"format_version": "2.0", "complete": true}, "format_version"},
	} {
		t.Run(name, func(t *testing.T) {
			a := api.Admin.Wrong().Do(c.method, c.path, c.body)
			if a.Status != http.StatusBadRequest || a.Error.Code != "VALIDATION_ERROR" || a.Error.Details == nil || a.Error.Details.Errors[0].Field != c.field {
				t.Errorf("the error does not name %s: %s", c.field, a.Body)
			}
		})
	}
}

func TestDrifts_list(t *testing.T) {
	api := apitest.Start(t)
	for _, severity := range []string{"info", "critical", "warning"} {
		report(t, api.Engineer, severity+" [x]%", "severity", severity)
	}
	list := func(query string) (ids []string, total int, more bool) {
		t.Helper()
		var page struct {
			Items      []driftBody
			Pagination struct {
				Total, Page, PageSize, TotalPages int
				HasMore                           bool
			}
		}
		api.Viewer.Get("/api/v1/drifts" + query).Want(200).Decode(&page)
		for _, d := range page.Items {
			ids = append(ids, d.Severity)
		}
		return ids, page.Pagination.Total, page.Pagination.HasMore
	}
	for query, want := range map[string][]string{
		"":                                  {"warning", "critical", "info"},
		"?sortBy=severity":                  {"critical", "warning", "info"},
		"?sortBy=severity&sortOrder=asc":    {"info", "warning", "critical"},
		"?severity=info&status=detected":    {"info"},
		"?search=" + url.QueryEscape("X]%"): {"warning", "critical", "info"},
		"?workspace=elsewhere":              nil,
	} {
		if got, total, more := list(query); !slices.Equal(got, want) || total != len(want) || more {
			t.Errorf("%s: %v of %d, more %t; want %v", query, got, total, more, want)
		}
	}
	if got, total, more := list("?limit=2"); len(got) != 2 || total != 3 || !more {
		t.Errorf("first page: %v of %d, more %t", got, total, more)
	}
	if got, total, more := list("?limit=2&page=2"); len(got) != 1 || total != 3 || more {
		t.Errorf("last page: %v of %d, more %t", got, total, more)
	}
	if got, total, more := list("?limit=2&page=9"); len(got) != 0 || total != 3 || more {
		t.Errorf("beyond: %v of %d, more %t", got, total, more)
	}
}

func TestAlerts_and_reports(t *testing.T) {
	api := apitest.Start(t)
	d := report(t, api.Engineer, "web", "severity", "critical")
	report(t, api.Engineer, "db", "severity", "critical")

	var alerts struct {
		Items []struct {
			ID      uuid.UUID
			DriftID uuid.UUID
		}
	}
	api.Viewer.Get("/api/v1/alerts?isRead=false&severity=critical&type=drift_detected&driftId=" + d.ID.String()).Want(200).Decode(&alerts)
	if len(alerts.Items) != 1 || alerts.Items[0].DriftID != d.ID {
		t.Fatalf("alerts: %+v", alerts)
	}
	path := "/api/v1/alerts/" + alerts.Items[0].ID.String() + "/mark-read"
	api.Other.Post(path, nil).Want(404)
	api.Engineer.Post(path, nil).Want(200)
	api.Engineer.Post(path, struct{}{}).Want(200)
	for c, want := range map[*apitest.Client]int{api.Engineer: 1, api.Viewer: 2} {
		var unread struct{ Count int }
		c.Get("/api/v1/alerts/unread-count").Want(200).Decode(&unread)
		if unread.Count != want {
			t.Errorf("%d unread, want %d", unread.Count, want)
		}
	}
	one := "/api/v1/alerts/" + alerts.Items[0].ID.String()
	for c, want := range map[*apitest.Client]bool{api.Engineer: true, api.Viewer: false} {
		var alert struct{ IsRead bool }
		c.Get(one).Want(200).Decode(&alert)
		if alert.IsRead != want {
			t.Errorf("read %t, want %t", alert.IsRead, want)
		}
	}
	api.Other.Get(one).Want(404)
	var marked struct{ MarkedCount int }
	api.Engineer.Post("/api/v1/alerts/mark-all-read", nil).Want(200).Decode(&marked)
	if marked.MarkedCount != 1 {
		t.Errorf("%d marked", marked.MarkedCount)
	}

	// The shapes are the documents'; the numbers are tested with the service.
	for _, path := range []string{
		"/api/v1/metrics/summary", "/api/v1/metrics/summary?days=1", "/api/v1/metrics/cost-trend?days=365",
		"/api/v1/metrics/severity-distribution", "/api/v1/metrics/status-distribution?workspace=default", "/api/v1/metrics/insights", "/api/v1/metrics/insights/groups?by=owner", "/api/v1/workspaces",
	} {
		api.Viewer.Get(path).Want(200)
		api.Other.Get(path).Want(200)
	}
	var audit struct{ Items []struct{ Action string } }
	api.Admin.Get("/api/v1/audit?action=drift.created&actorId=" + api.Engineer.User.ID.String() + "&driftId=" + d.ID.String()).Want(200).Decode(&audit)
	if len(audit.Items) != 1 {
		t.Errorf("audit: %+v", audit)
	}
	api.Admin.Get("/api/v1/audit").Want(200)
}

func TestEvents(t *testing.T) {
	api := apitest.Start(t)
	report(t, api.Engineer, "a")
	report(t, api.Engineer, "b", "severity", "critical")
	type part struct {
		Items []struct {
			Position int64
			Cursor   string
			Event    struct {
				Type, Traceparent string
				Data              json.RawMessage
			}
		}
		Head    string
		HasMore bool
	}
	var first, rest, none part
	api.Viewer.Get("/api/v1/events?limit=1").Want(200).Decode(&first)
	if len(first.Items) != 1 || !first.HasMore || first.Items[0].Event.Type != "drift.created" || first.Items[0].Event.Traceparent == "" {
		t.Fatalf("first part: %+v", first)
	}
	api.Viewer.Get("/api/v1/events?after=" + url.QueryEscape(first.Items[0].Cursor)).Want(200).Decode(&rest)
	if len(rest.Items) != 2 || rest.HasMore || rest.Items[1].Cursor != rest.Head || rest.Items[1].Event.Type != "alert.created" {
		t.Errorf("the rest: %+v", rest)
	}
	api.Viewer.Get("/api/v1/events?after=" + url.QueryEscape(rest.Head)).Want(200).Decode(&none)
	if len(none.Items) != 0 || none.HasMore {
		t.Errorf("at the head: %+v", none)
	}
	api.Viewer.Get("/api/v1/events?after=0:1").Want(409)
}
