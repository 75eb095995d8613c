package httpapi_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
)

// tagged is a response with an ETag, as a caller had it.
type tagged struct {
	path, etag, body string
}

var cursorIn = regexp.MustCompile(`,"cursor":"[^"]*"`)

// withoutCursor leaves out a list's place in the stream, which moves even where the list stays.
func withoutCursor(body []byte) string { return cursorIn.ReplaceAllString(string(body), "") }

// TestETag_never_lies: after each kind of change, a response that has changed is not 304, for each caller; and what is
// unchanged is 304. So every change that a list shows moves the stream's head.
//
// Mutations: redaction and retention without revise; streamHead without the revision; an ETag without the user, the email or the role; an
// event left out of a decision, of reading an alert, of a check, of a workspace's settings.
func TestETag_never_lies(t *testing.T) {
	api := apitest.Start(t)
	plan := func(size string, at int, more string) []byte {
		return fmt.Appendf(nil, `{"format_version":"1.2","terraform_version":"1.11.4","timestamp":"2026-03-0%dT00:00:00Z","complete":true,"resource_drift":[
			{"address":"aws_instance.web","mode":"managed","type":"aws_instance","name":"web","change":{"actions":["update"],"before":{"size":"s"},"after":{"size":%q}}}%s]}`, at, size, more)
	}
	upload := func(body []byte) {
		api.Key.Post("/api/v1/ingest/plan?workspace=prod&refreshed=true&scope=full", body).Want(200)
	}
	upload(plan("m", 1, ""))
	first := report(t, api.Engineer, "first", "severity", "critical")
	second := report(t, api.Engineer, "second", "severity", "critical")
	var alerts, checks struct{ Items []struct{ ID string } }
	api.Viewer.Get("/api/v1/alerts").Want(200).Decode(&alerts)
	api.Viewer.Get("/api/v1/checks").Want(200).Decode(&checks)
	drift := "/api/v1/drifts/" + first.ID.String()
	alert := "/api/v1/alerts/" + alerts.Items[0].ID
	check := "/api/v1/checks/" + checks.Items[0].ID
	paths := []string{"/api/v1/drifts", "/api/v1/drifts?include=states&open=true", "/api/v1/drifts?limit=1&page=9", "/api/v1/alerts?isRead=false", "/api/v1/checks?limit=1", drift, "/api/v1/drifts/" + second.ID.String(), alert, check}
	callers := []*apitest.Client{api.Viewer, api.Engineer}

	known := map[*apitest.Client][]tagged{}
	look := func() {
		for _, c := range callers {
			known[c] = nil
			for _, path := range paths {
				a := c.Get(path)
				if a.Status == http.StatusOK {
					known[c] = append(known[c], tagged{path, a.Header.Get("ETag"), withoutCursor(a.Body)})
				}
			}
		}
	}
	// compare says how many responses have changed.
	compare := func(what string) (changed int) {
		t.Helper()
		for _, c := range callers {
			for _, was := range known[c] {
				now, conditional := c.Get(was.path), c.Get(was.path, "If-None-Match", `"x", `+was.etag)
				if withoutCursor(now.Body) != was.body {
					changed++
					if conditional.Status == http.StatusNotModified {
						t.Errorf("%s changes %s for the %s, and its ETag has stayed:\n%s\n%s", what, was.path, c.User.Role, was.body, now.Body)
					}
				}
				if conditional.Status == http.StatusNotModified && (len(conditional.Body) > 0 || conditional.Header.Get("ETag") != was.etag) {
					t.Errorf("304 with %q and ETag %s, want %s", conditional.Body, conditional.Header.Get("ETag"), was.etag)
				}
			}
		}
		return changed
	}
	look()
	if n := compare("nothing"); n > 0 {
		t.Errorf("%d responses have changed by themselves", n)
	}
	for _, c := range callers {
		for _, was := range known[c] {
			if a := c.Get(was.path, "If-None-Match", was.etag); a.Status != http.StatusNotModified {
				t.Errorf("%s: %d, want 304", was.path, a.Status)
			}
		}
	}
	if a, b := known[api.Viewer][5], known[api.Engineer][5]; a.etag == b.etag {
		t.Errorf("a viewer and an engineer have the same ETag for %s", a.path)
	}
	if a := api.Other.Get("/api/v1/drifts", "If-None-Match", known[api.Viewer][0].etag); a.Status != http.StatusOK {
		t.Errorf("another account gets %d", a.Status)
	}

	exec := func(sql string) {
		if _, err := api.DB.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	keeper, err := idempotency.NewKeeper(postgres.NewIdempotencyStore(api.DB), apitest.DataKey, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct {
		name    string
		prepare func()
		do      func()
		shown   bool // in one of the responses
	}{
		{"an alert that the viewer has read", nil, func() { api.Viewer.Post(alert+"/mark-read", nil).Want(200) }, true},
		{"all alerts that the viewer has read", nil, func() { api.Viewer.Post("/api/v1/alerts/mark-all-read", nil).Want(200) }, true},
		{"another email of who has read it", nil, func() {
			api.Admin.Do(http.MethodPatch, "/api/v1/users/"+api.Viewer.User.ID.String(), map[string]string{"email": "other@acme.example"}).Want(200)
		}, true},
		{"a triage", nil, func() { api.Engineer.Post(drift+"/triage", struct{}{}).Want(200) }, true},
		{"an approval", nil, func() { api.Engineer.Post(drift+"/approve", map[string]string{"reason": reason}).Want(200) }, true},
		{"a rejection", nil, func() {
			api.Engineer.Post("/api/v1/drifts/"+second.ID.String()+"/reject", map[string]string{"reason": reason}).Want(200)
		}, true},
		{"a resolution", nil, func() { api.Engineer.Post(drift+"/resolve", map[string]string{"resolvedHow": "manual-fix"}).Want(200) }, true},
		{"a return", nil, func() { report(t, api.Engineer, "first") }, true},
		{"a sighting", nil, func() { upload(plan("m", 2, "")) }, true},
		{"a change", nil, func() { upload(plan("l", 3, "")) }, true},
		{"a stale plan", nil, func() { upload(plan("m", 1, " ")) }, true},
		{"a failure", nil, func() {
			api.Key.Post("/api/v1/ingest/failure?workspace=prod", map[string]string{"reason": "init failed"}).Want(200)
		}, true},
		{"a preview", nil, func() {
			api.Key.Post("/api/v1/ingest/plan?workspace=prod&purpose=preview", plan("xl", 4, "")).Want(200)
		}, true},
		{"a plan without drift", nil, func() {
			upload([]byte(`{"format_version":"1.2","terraform_version":"1.11.4","timestamp":"2026-03-05T00:00:00Z","complete":true,"resource_drift":[]}`))
		}, true},
		{"settings of a workspace", nil, func() {
			api.Engineer.Do(http.MethodPatch, "/api/v1/workspaces/prod", map[string]any{"owner": "team", "archived": true, "staleAfter": 60}).Want(200)
		}, false},
		{"redaction", func() {
			exec("update drift set approval_reason = 'password=hunter2hunter2' where approval_reason is not null")
		}, func() {
			if err := scrub.New(postgres.NewScrubStore(api.DB), keeper, apitest.DataKey, api.Telemetry.Telemetry).Again(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"retention", nil, func() {
			if n, err := postgres.NewRetentionStore(api.DB).RemoveChecks(t.Context(), time.Now().Add(time.Hour)); err != nil || n == 0 {
				t.Fatal(n, err)
			}
		}, true},
		{"another role", nil, func() {
			api.Admin.Do(http.MethodPatch, "/api/v1/users/"+api.Viewer.User.ID.String(), map[string]string{"role": "engineer"}).Want(200)
		}, true},
	} {
		if change.prepare != nil {
			change.prepare()
		}
		look()
		change.do()
		if n := compare(change.name); (n > 0) != change.shown {
			t.Errorf("%s has changed %d responses, which proves nothing", change.name, n)
		}
	}
}

// TestETag_encodings: the plain and the compressed form of a response have one tag, so it is weak (RFC 9110, section 8.8.1), and a client that
// has either, also one that cuts the W/ off, is told that nothing changed in each. Mutation: a strong ETag of the documents.
func TestETag_encodings(t *testing.T) {
	api := apitest.Start(t)
	for _, name := range []string{"a", "b", "c"} {
		report(t, api.Engineer, name)
	}
	get := func(path string, headers ...string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+api.Viewer.Bearer)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, path := range []string{"/openapi.json", "/asyncapi.json", "/docs", "/docs/style.css", "/api/v1/drifts", "/api/v1/alerts", "/api/v1/checks"} {
		for _, had := range []string{"gzip", "identity"} {
			tag := get(path, "Accept-Encoding", had).Header.Get("ETag")
			if !strings.HasPrefix(tag, `W/"`) {
				t.Errorf("%s, %s: the ETag %s is not weak", path, had, tag)
			}
			for _, asked := range []string{"gzip", "identity"} {
				for _, known := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag} {
					again := get(path, "Accept-Encoding", asked, "If-None-Match", known)
					if again.StatusCode != http.StatusNotModified || again.Header.Get("ETag") != tag || again.Header.Get("Content-Encoding") != "" {
						t.Errorf("%s: had %s, asks for %s with %s: %d, %s", path, had, asked, known, again.StatusCode, again.Header.Get("ETag"))
					}
				}
			}
		}
	}
	if got := get("/openapi.json", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"); got != "gzip" {
		t.Errorf("nothing is compressed: %q", got)
	}
}

// Mutations: a bound of 100 bytes, or of 10,000; all methods; no Vary.
func TestCompression(t *testing.T) {
	api := apitest.Start(t)
	get := func(path string) (*http.Response, int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+api.Admin.Bearer)
		req.Header.Set("Accept-Encoding", "gzip, zstd")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Header.Get("Content-Encoding") != "gzip" {
			return resp, len(body)
		}
		plain, err := gzip.NewReader(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(plain)
		if err != nil || len(body) >= len(whole) {
			t.Errorf("%d bytes of %d, %v", len(body), len(whole), err)
		}
		return resp, len(whole)
	}
	for _, name := range []string{"a", "b", "c"} {
		report(t, api.Engineer, name)
	}
	for path, want := range map[string]string{"/api/v1/drifts": "gzip", "/api/v1/alerts/unread-count": "", "/api/v1/drifts?limit=1&search=none": ""} {
		resp, n := get(path)
		if got := resp.Header.Get("Content-Encoding"); got != want || resp.StatusCode != 200 || (n < 1024) != (want == "") || !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s: encoding %q of %d bytes, want %q; Vary %q", path, got, n, want, resp.Header.Values("Vary"))
		}
	}
}
