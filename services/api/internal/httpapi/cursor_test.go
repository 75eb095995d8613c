package httpapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

type driftPage struct {
	Items []struct {
		ID         uuid.UUID
		ResourceID string
	}
	Pagination struct {
		Total, Page, TotalPages int
		HasMore                 bool
		NextCursor              string
	}
	Cursor string
}

// TestCursor goes through lists that grow meanwhile, in each order: each drift that was there comes once, in the order of a page
// that has them all.
//
// Mutations: >= for the place; the place without the ID; the key of another column; the direction of an ascending order; weights
// the wrong way round; a cursor of another scope taken.
func TestCursor(t *testing.T) {
	api := apitest.Start(t)
	const n = 9
	for i := range n {
		report(t, api.Engineer, fmt.Sprintf("%d-%s", i%3, strings.Repeat("long", 64)+fmt.Sprint(i)), "severity", []string{"critical", "warning", "info"}[i%3],
			"costImpactMonthly", float64(i%4)-1.25, "workspace", []string{"a", "B", "c"}[i%3])
	}
	if _, err := api.DB.Exec(t.Context(), "update drift set detected_at = '2026-01-01', created_at = '2026-01-01 00:00:00.000001Z' where left(resource_id, 1) = '1'"); err != nil {
		t.Fatal(err)
	}
	for _, sortBy := range []string{"createdAt", "detectedAt", "lastSeenAt", "costImpactMonthly", "severity", "workspace", "resourceId", "status"} {
		for _, order := range []string{"asc", "desc"} {
			query := "/api/v1/drifts?search=long&sortBy=" + sortBy + "&sortOrder=" + order
			var whole driftPage
			api.Viewer.Get(query + "&limit=100").Want(200).Decode(&whole)
			seen := map[uuid.UUID]bool{}
			var in []uuid.UUID
			cursor, number := "", 0
			for {
				var page driftPage
				api.Viewer.Get(query + "&limit=2" + cursor).Want(200).Decode(&page)
				for _, d := range page.Items {
					if seen[d.ID] {
						t.Errorf("%s: %s comes twice", query, d.ResourceID)
					}
					seen[d.ID] = true
					in = append(in, d.ID)
				}
				number++
				if page.Pagination.Page != number || page.Pagination.HasMore != (page.Pagination.NextCursor != "") {
					t.Fatalf("page %d is %+v", number, page.Pagination)
				}
				if !page.Pagination.HasMore {
					break
				}
				cursor = "&cursor=" + url.QueryEscape(page.Pagination.NextCursor)
				report(t, api.Engineer, fmt.Sprintf("long-%s-%s-%d", sortBy, order, number), "severity", "info", "workspace", "b")
			}
			// Those that came meanwhile may be among them, or not.
			in = slices.DeleteFunc(in, func(id uuid.UUID) bool {
				return !slices.ContainsFunc(whole.Items, func(d struct {
					ID         uuid.UUID
					ResourceID string
				}) bool {
					return d.ID == id
				})
			})
			var want []uuid.UUID
			for _, d := range whole.Items {
				want = append(want, d.ID)
			}
			if !slices.Equal(in, want) {
				t.Errorf("%s: by cursor %v, want %v", query, in, want)
			}
			if len(whole.Items) > 60 {
				break // The pages would not end.
			}
		}
	}

	var first driftPage
	api.Viewer.Get("/api/v1/drifts?limit=1&severity=info,warning").Want(200).Decode(&first)
	cursor := "&cursor=" + first.Pagination.NextCursor
	api.Viewer.Get("/api/v1/drifts?limit=2&severity=warning,info" + cursor).Want(200) // The same filter.
	for query, field := range map[string]string{
		"severity=critical" + cursor: "cursor", "severity=info,warning&sortBy=severity" + cursor: "cursor", "severity=info,warning&page=2" + cursor: "page",
		"cursor=x": "cursor", "cursor=" + strings.Repeat("A", 3000): "cursor", "include=states&page=2": "page", "include=all": "include",
		"severity=critical,awful": "severity", "workspace=" + strings.Repeat("a,", 20) + "a": "workspace", "open=1": "open", "from=yesterday": "from",
		"origin=": "origin", "provider=a,,b": "provider", "sortBy=version": "sortBy",
	} {
		a := api.Viewer.Wrong().Get("/api/v1/drifts?" + query).Want(400)
		if a.Error.Details == nil || a.Error.Details.Errors[0].Field != field {
			t.Errorf("%s: %s, want %s", query, a.Body, field)
		}
	}
	// The list's place in the stream: nothing after it is in the list, and everything before it is.
	var events struct{ Items []struct{ Cursor string } }
	api.Viewer.Get("/api/v1/events?after=" + url.QueryEscape(first.Cursor)).Want(200).Decode(&events)
	if len(events.Items) != 0 {
		t.Errorf("%d events came after the list", len(events.Items))
	}
	report(t, api.Engineer, "later")
	api.Viewer.Get("/api/v1/events?after=" + url.QueryEscape(first.Cursor)).Want(200).Decode(&events)
	if len(events.Items) != 1 {
		t.Errorf("%d events came after the list, want 1", len(events.Items))
	}
	// The other lists, too.
	if _, err := api.DB.Exec(t.Context(), "update app_user set created_at = '2026-01-01'"); err != nil { // They are of one moment.
		t.Fatal(err)
	}
	own := []string{"/api/v1/audit", "/api/v1/users", "/api/v1/api-keys", "/api/v1/trusts", "/api/v1/auth/sessions"} // They do not follow the stream.
	for _, path := range append([]string{"/api/v1/alerts", "/api/v1/checks"}, own...) {
		for range 3 {
			api.Key.Post("/api/v1/ingest/plan?workspace=w", []byte(`{"format_version":"1.2","complete":true,"resource_drift":[]}`)).Want(200)
			newKey(api.Admin, api, nil)
			api.Admin.Post("/api/v1/trusts", map[string]string{"name": uuid.NewString(), "issuer": "https://ci.example", "audience": "acme", "subject": "a/*"}).Want(201)
			api.SignIn(api.Admin.User.Email)
		}
		var all, page driftPage
		api.Admin.Get(path + "?limit=100").Want(200).Decode(&all)
		var got []uuid.UUID
		for cursor := ""; ; cursor = "&cursor=" + page.Pagination.NextCursor {
			page = driftPage{}
			api.Admin.Get(path + "?limit=2" + cursor).Want(200).Decode(&page)
			for _, item := range page.Items {
				got = append(got, item.ID)
			}
			if !page.Pagination.HasMore || len(got) >= 100 {
				break
			}
		}
		got = got[:min(len(got), 100)]
		if len(got) != len(all.Items) || len(got) < 3 {
			t.Fatalf("%s: %d by cursor, want %d", path, len(got), len(all.Items))
		}
		for i, item := range all.Items {
			if got[i] != item.ID {
				t.Errorf("%s: item %d is %s, want %s", path, i, got[i], item.ID)
			}
		}
		if (all.Cursor != "") == slices.Contains(own, path) {
			t.Errorf("%s: its place in the stream is %q", path, all.Cursor)
		}
	}
}
