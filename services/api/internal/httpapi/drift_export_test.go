package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
)

func TestExport(t *testing.T) {
	api := apitest.Start(t)
	report(t, api.Key, "web", "severity", "critical", "actualState", map[string]any{"size": "large", "tags": map[string]any{"Team": "a"}})
	d := report(t, api.Key, "=HYPERLINK(\"https://evil.example\")", "severity", "info", "costImpactMonthly", -5)
	api.Engineer.Post("/api/v1/drifts/"+d.ID.String()+"/approve", map[string]string{"reason": "+1, as agreed;=2+3"}).Want(200)

	t.Run("NDJSON has a drift on each line, and says when it is all", func(t *testing.T) {
		got := api.Viewer.Get("/api/v1/drifts/export?format=ndjson").Want(200)
		lines := strings.Split(strings.TrimSpace(string(got.Body)), "\n")
		if len(lines) != 3 || got.Header.Get("Content-Type") != "application/x-ndjson" ||
			got.Header.Get("Content-Disposition") != `attachment; filename="drifts.ndjson"` {
			t.Fatalf("%v: %s", got.Header, got.Body)
		}
		var newest struct {
			driftBody
			Difference, ExpectedState map[string]any
		}
		if err := json.Unmarshal([]byte(lines[0]), &newest); err != nil || newest.ID != d.ID || newest.Difference["size"] == nil || newest.ExpectedState != nil {
			t.Errorf("%v: %s", err, lines[0])
		}
		var end struct {
			End struct {
				Rows   int
				Cursor string
			}
		}
		if err := json.Unmarshal([]byte(lines[2]), &end); err != nil || end.End.Rows != 2 || end.End.Cursor == "" {
			t.Errorf("%v: %s", err, lines[2])
		}
		api.Viewer.Get("/api/v1/events?after=" + end.End.Cursor).Want(200)
	})

	t.Run("CSV is safe in a spreadsheet", func(t *testing.T) {
		got := api.Viewer.Get("/api/v1/drifts/export").Want(200)
		rows, err := csv.NewReader(bytes.NewReader(got.Body)).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v: %s", err, got.Body)
		}
		column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
		if v := column(rows[1], "resourceId"); !strings.HasPrefix(v, "'=HYPERLINK") {
			t.Errorf("the resource is %q", v)
		}
		if v := column(rows[1], "approvalReason"); v != "'+1, as agreed;'=2+3" {
			t.Errorf("the reason is %q", v)
		}
		if v := column(rows[1], "costImpactMonthly"); v != "-5" {
			t.Errorf("the cost is %q", v)
		}
		if v := column(rows[2], "paths"); v != "size; tags.Team" {
			t.Errorf("the paths are %q", v)
		}
	})

	t.Run("has the filters of lists", func(t *testing.T) {
		if got := api.Viewer.Get("/api/v1/drifts/export?format=ndjson&severity=critical").Want(200); bytes.Count(got.Body, []byte("\n")) != 2 {
			t.Errorf("%s", got.Body)
		}
		api.Viewer.Wrong().Get("/api/v1/drifts/export?format=xls").Want(400)
		api.Viewer.Wrong().Get("/api/v1/drifts/export?sortBy=status").Want(400)
	})
}

// many adds drifts, beside one that was reported.
func many(t *testing.T, api *apitest.API, n int) {
	t.Helper()
	d := report(t, api.Key, "0")
	exec(t, api, `insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state,
			actual_state, difference, difference_mac, severity, detected_by, created_at, last_seen_at)
		select gen_random_uuid(), account_id, sha256(x::text::bytea), workspace, x::text, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, severity, detected_by, now() - x * interval '1 second', now()
		from drift, generate_series(1, $2::int) x where id = $1`, d.ID, n)
}

// A reader must not take a part for the whole: the second part has a row that can't be read.
//
// Mutations: no last line; no broken connection; the slot is not given back.
func TestExport_fails_in_the_middle(t *testing.T) {
	api := apitest.Start(t)
	many(t, api, 600)
	exec(t, api, "update drift set last_seen_at = 'infinity' where resource_id = '500'")
	for format, want := range map[string]string{"csv": "#ERROR,INTERNAL_SERVER_ERROR,", "ndjson": `{"error":{"code":"INTERNAL_SERVER_ERROR",`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/api/v1/drifts/export?format="+format, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+api.Viewer.Bearer)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		lines := strings.Split(strings.TrimSpace(string(body)), "\n")
		if last := lines[len(lines)-1]; res.StatusCode != http.StatusOK || len(lines) < 250 || !strings.HasPrefix(last, want) || !strings.Contains(last, res.Header.Get("X-Correlation-ID")) {
			t.Errorf("%s: %d, %d lines: %s", format, res.StatusCode, len(lines), last)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the body ends with %v, as if it were all", format, err)
		}
	}
	if _, err := api.DB.Exec(t.Context(), "update drift set last_seen_at = now()"); err != nil {
		t.Fatal(err)
	}
	if got := api.Viewer.Get("/api/v1/drifts/export?format=ndjson").Want(200); !bytes.Contains(got.Body, []byte(`{"end":{"rows":601,`)) {
		t.Error("it does not end")
	}
}

// leaving is a response during which something happens, when the first part of it was written.
type leaving struct {
	http.ResponseWriter
	meanwhile func()
}

func (l *leaving) Write(p []byte) (int, error) {
	n, err := l.ResponseWriter.Write(p)
	if l.meanwhile != nil {
		l.meanwhile()
		l.meanwhile = nil
	}
	return n, err
}

func (l *leaving) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// TestAttackExportOfALeaver: who is deactivated, or signed out, while an export is being written does not get the rest of it.
//
// Mutations: Export without stillMay; stillMay with Authenticate in place of Reauthenticate.
func TestAttackExportOfALeaver(t *testing.T) {
	api := apitest.Start(t)
	many(t, api, 600)
	drifts, err := drift.New(drift.Config{Store: postgres.NewDriftStore(api.DB), DataKey: make([]byte, 32), Telemetry: api.Telemetry})
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.New(httpapi.Options{
		Identity: api.Identity, Drifts: drifts, Logger: api.Telemetry.Logger(), Replica: "r",
		Edge: process.Edge{Telemetry: api.Telemetry, Health: health.New("", "", func() bool { return true }, nil), Timeout: time.Minute},
	})
	httpapi.Impatient(server)
	handler := server.Handler()
	export := func(t *testing.T, meanwhile func(user uuid.UUID)) string {
		t.Helper()
		c := api.NewUser("acme", identity.Admin)
		edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(&leaving{w, func() { meanwhile(c.User.ID) }}, r)
		}))
		defer edge.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, edge.URL+"/api/v1/drifts/export?format=ndjson", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Bearer)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	if body := export(t, func(uuid.UUID) {}); strings.Count(body, "\n") != 602 {
		t.Fatalf("%d lines", strings.Count(body, "\n"))
	}
	for how, loss := range lose {
		if loss.admins { // Exports are for viewers.
			continue
		}
		t.Run(how, func(t *testing.T) {
			body := export(t, func(user uuid.UUID) { exec(t, api, loss.sql, user) })
			if n := strings.Count(body, "\n"); n > 252 || !strings.Contains(body, `{"error":{"code":"AUTH_ERROR"`) {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestExport_slots(t *testing.T) {
	slots, a, b, c := httpapi.NewExportSlots(), uuid.New(), uuid.New(), uuid.New()
	for _, step := range []struct {
		account uuid.UUID
		ok      bool
	}{{a, true}, {a, false}, {b, true}, {c, false}} {
		if err := slots.Begin(step.account); (err == nil) != step.ok {
			t.Errorf("%+v: %v", step, err)
		}
	}
	slots.End(a)
	if err := slots.Begin(c); err != nil {
		t.Error(err)
	}
}

// TestAttackFormula: no text becomes a formula, also where a semicolon or a tab separates the cells. Mutations: cell returns its argument;
// the expression without its separators.
func TestAttackFormula(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":       "plain text",
		"a-b@c.example":    "a-b@c.example",
		"module.x[\"-a\"]": "module.x[\"-a\"]",
		"=1+1":             "'=1+1",
		"+1":               "'+1",
		"-1":               "'-1",
		"@SUM(A1)":         "'@SUM(A1)",
		"\t=1":             "\t'=1",
		"  =1":             "  '=1",
		"＝1":               "'＝1",
		"a;=1":             "a;'=1",
		"a,\"=1":           "a,\"'=1",
		"a\n=1":            "a\n'=1",
		"a|-1":             "a|'-1",
	} {
		if got := httpapi.Cell(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestExport_audit: admins get all of the trail that passes the filters, also more than is read at once, newest first, and users of other roles get nothing.
// Mutations: Export that stops after the first part; the access of a viewer; a subject as it is.
func TestExport_audit(t *testing.T) {
	api := apitest.Start(t)
	const many = 700
	for i := range many {
		api.Key.Post("/api/v1/drifts", map[string]any{
			"resourceId": "=cmd" + strconv.Itoa(i), "resourceType": "aws_instance", "region": "eu", "severity": "info",
			"expectedState": map[string]any{"a": 1}, "actualState": map[string]any{"a": 2},
		}).Want(201)
	}
	got := api.Admin.Get("/api/v1/audit/export?action=drift.created").Want(200)
	rows, err := csv.NewReader(bytes.NewReader(got.Body)).ReadAll()
	if err != nil || len(rows) != many+1 || got.Header.Get("Content-Disposition") != `attachment; filename="audit.csv"` {
		t.Fatalf("%d rows, %v, %v", len(rows), got.Header, err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		seen[column(row, "id")] = true
		if want := "'=cmd" + strconv.Itoa(many-1-i); column(row, "subject") != want || column(row, "action") != "drift.created" || column(row, "traceId") == "" {
			t.Fatalf("row %d: %q", i, row)
		}
	}
	if len(seen) != many {
		t.Errorf("%d rows, and some more than once", len(seen))
	}
	lines := strings.Split(strings.TrimSpace(string(api.Admin.Get("/api/v1/audit/export?format=ndjson&action=drift.created").Want(200).Body)), "\n")
	if len(lines) != many+1 || lines[many] != `{"end":{"rows":700}}` || !strings.Contains(lines[0], `"subject":"=cmd699"`) {
		t.Errorf("%d lines, the last one is %s", len(lines), lines[len(lines)-1])
	}
	api.Engineer.Get("/api/v1/audit/export").Want(403)
	api.Admin.Wrong().Get("/api/v1/audit/export?action=x").Want(400)
	api.Admin.Wrong().Get("/api/v1/audit/export?format=xls").Want(400)
}
