package httpapi

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// FuzzQuery: whatever the query string, each parameter is within its bounds or named in a refusal that can be shown.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "page=1&limit=100&search=web&sortOrder=desc", "page=10001", "page=101&limit=100", "page=1&page=2", "limit=0", "days=366", "isRead=maybe",
		"id=019a0000-0000-7000-8000-000000000000", "id={019a0000-0000-7000-8000-00000000000}", "workspace=a/b", "workspace=%00", "search=%ff", "%zz", "a;b", "unknown=1", "%00%ff=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: raw}
		q := newQuery(r)
		page, days, id := q.page(), q.days(), q.id("id")
		search, workspace := q.text("search", 200), q.workspace("workspace")
		order := choice(q, "sortOrder", drift.Descending, drift.Ascending, drift.Descending)
		pattern := q.matching("driftId", regexp.MustCompile(`^[a-z]+$`), "letters")
		q.boolean("isRead")
		err := q.err()
		if err != nil {
			refusal := apierror.From(err)
			if refusal.Kind != apierror.Invalid || q.broken == nil && len(refusal.Fields) == 0 {
				t.Fatalf("%q: %v", raw, err)
			}
			for _, field := range refusal.Fields {
				if !utf8.ValidString(field.Field+field.Message) || strings.ContainsRune(field.Field+field.Message, 0) || len(field.Field) > 70 {
					t.Fatalf("%q: %+v cannot be shown", raw, field)
				}
			}
			return
		}
		if page.Number < 1 || page.Size < 1 || page.Size > maxPageSize || page.Number*page.Size > maxPageEnd || days < 1 || days > 365 {
			t.Fatalf("%q: %+v, %d days", raw, page, days)
		}
		if utf8.RuneCountInString(search) > 200 || !utf8.ValidString(search) || strings.ContainsRune(search+workspace, 0) ||
			workspace != "" && drift.CheckWorkspaceName(workspace) != "" || order != drift.Ascending && order != drift.Descending {
			t.Fatalf("%q: %q %q %q", raw, search, workspace, order)
		}
		if got := q.values.Get("id"); id != nil && !strings.EqualFold(id.String(), got) {
			t.Fatalf("%q: the id is %s", raw, id)
		}
		if strings.Trim(pattern, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Fatalf("%q: %q", raw, pattern)
		}
	})
}
