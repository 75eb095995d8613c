package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// fieldReport is a service to which the plans of a public report are sent, in the order of their letters, to one workspace.
type fieldReport struct {
	t   *testing.T
	api *apitest.API
}

type fieldCheck struct {
	ID, Status, Purpose string
	Stale, RootMismatch bool
	Counts              struct{ New, Changed, Unchanged, Resolved int }
	Evidence            struct {
		Refreshed, Coverage, Mode string
		Unproven                  int
		Reasons                   []string
	}
	FailureReason, Ref, RunURL string
	LeftOut                    struct {
		Count   int
		Entries []struct{ Path, Resource, Reason string }
	}
	WrapperLines int
}

type fieldDrift struct {
	ID, ResourceID, ResourceType, Provider, Status, Severity string
	Version                                                  int
	PlannedAction, ResolvedHow, ResolvedBasis                *string
	ExpectedState, ActualState                               json.RawMessage
	Difference                                               map[string]json.RawMessage
	Ref, Commit, RunURL                                      string
}

func startReport(t *testing.T) fieldReport {
	t.Helper()
	t.Parallel()
	return fieldReport{t, apitest.Start(t)}
}

// wantNoSecret fails the test when a secret of the plans is stored anywhere.
func (r fieldReport) wantNoSecret() {
	r.t.Helper()
	for _, table := range []string{"drift", "workspace_check", "workspace", "event", "audit", "alert", "idempotency"} {
		for _, row := range r.rows("select row_to_json(x)::text from " + table + " x") {
			if strings.Contains(row, "fakepw-") {
				r.t.Errorf("a secret is stored in %s: %s", table, row)
			}
		}
	}
}

func (r fieldReport) rows(sql string) []string {
	r.t.Helper()
	rows, err := r.api.DB.Query(r.t.Context(), sql)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// plan is the file whose name begins like this.
func (r fieldReport) plan(name string) []byte {
	r.t.Helper()
	files, err := filepath.Glob("../plan/testdata/field/" + name + "*")
	if err != nil || len(files) != 1 {
		r.t.Fatalf("%s: %v, %v", name, files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return raw
}

// send sends a plan, with more of a query, such as "&scope=full".
func (r fieldReport) send(name, query string) fieldCheck {
	r.t.Helper()
	return r.sendBody(r.plan(name), query)
}

func (r fieldReport) sendBody(body []byte, query string) fieldCheck {
	r.t.Helper()
	var data struct{ Check fieldCheck }
	r.api.Key.Post(ingestPath+query, body).Want(http.StatusOK).Decode(&data)
	return data.Check
}

// sendLines sends what is no JSON as a whole, which the client would not.
func (r fieldReport) sendLines(name string) fieldCheck {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.api.URL+ingestPath, bytes.NewReader(r.plan(name)))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.api.Key.Bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct{ Data struct{ Check fieldCheck } }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %v", res.Status, err)
	}
	return body.Data.Check
}

// drifts are all drifts by resource; of several of one resource the newest.
func (r fieldReport) drifts() map[string]fieldDrift {
	r.t.Helper()
	var data struct{ Items []fieldDrift }
	r.api.Viewer.Get("/api/v1/drifts?limit=100&sortBy=createdAt&sortOrder=asc").Want(http.StatusOK).Decode(&data)
	found := make(map[string]fieldDrift)
	for _, d := range data.Items {
		found[d.ResourceID] = d
	}
	return found
}

// detail is what is shown of one drift alone.
func (r fieldReport) detail(resource string) fieldDrift {
	r.t.Helper()
	var d fieldDrift
	r.api.Viewer.Get("/api/v1/drifts/" + r.drifts()[resource].ID).Want(http.StatusOK).Decode(&d)
	return d
}

func (r fieldReport) decide(what, resource string) {
	r.t.Helper()
	r.api.Engineer.Post("/api/v1/drifts/"+r.drifts()[resource].ID+"/"+what, map[string]string{"reason": "as it was agreed on"}).Want(http.StatusOK)
}

// status is what the list of workspaces says of this one.
func (r fieldReport) status() string {
	r.t.Helper()
	var list []struct{ Name, Status string }
	r.api.Viewer.Get("/api/v1/workspaces").Want(http.StatusOK).Decode(&list)
	for _, w := range list {
		if w.Name == "prod" {
			return w.Status
		}
	}
	return ""
}

// wantOpen fails the test unless these are all drifts, and all are open, with these statuses.
func (r fieldReport) wantOpen(want map[string]string) {
	r.t.Helper()
	got := make(map[string]string)
	for id, d := range r.drifts() {
		got[id] = d.Status
	}
	if !maps.Equal(got, want) {
		r.t.Errorf("the drifts are %v, want %v", got, want)
	}
}

func (r fieldReport) wantCounts(c fieldCheck, added, changed, unchanged, resolved int) {
	r.t.Helper()
	if got := c.Counts; got.New != added || got.Changed != changed || got.Unchanged != unchanged || got.Resolved != resolved {
		r.t.Errorf("%+v, want %d new, %d changed, %d unchanged, %d resolved", got, added, changed, unchanged, resolved)
	}
}

func (r fieldReport) wantReason(c fieldCheck, part string) {
	r.t.Helper()
	if !slices.ContainsFunc(c.Evidence.Reasons, func(s string) bool { return strings.Contains(s, part) }) {
		r.t.Errorf("no reason says %q: %q", part, c.Evidence.Reasons)
	}
}

// later is the same plan, made later.
func later(plan []byte, was, is string) []byte {
	return []byte(strings.Replace(string(plan), was, is, 1))
}

func (r fieldReport) workspaceRow() string {
	r.t.Helper()
	return strings.Join(r.rows("select row_to_json(w)::text from workspace w"), "\n")
}
