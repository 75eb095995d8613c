//go:build tofu

package life

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// check is what the response to an upload says of it.
type check struct {
	Status   string
	Counts   struct{ New, Changed, Unchanged, Resolved int }
	Evidence struct {
		Refreshed, Coverage string
		Unproven            int
		Reasons             []string
	}
	RootMismatch bool
	Purpose      string
	Ref          string
}

// drift is a drift as the list shows it.
type drift struct {
	ID, ResourceID, ResourceType, Status string
	PlannedAction, ResolvedHow           string // empty for null
	Difference                           map[string]struct{ Expected, Actual any }
}

// how is the way in which it was resolved, or its status while it is open.
func (d drift) how() string {
	return cmp.Or(d.ResolvedHow, d.Status)
}

// send runs commands that end with an upload, and gives the check of the response.
func (r *root) send(t *testing.T, commands block, environ ...string) check {
	t.Helper()
	out, err := r.run(t, commands, environ...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", commands.name, err, out)
	}
	checks := responses(t, out)
	if len(checks) == 0 {
		t.Fatalf("%s: no response in\n%s", commands.name, out)
	}
	return checks[len(checks)-1]
}

// responses are the checks in what commands printed. curl prints a response without a newline at its end.
func responses(t *testing.T, output string) []check {
	t.Helper()
	var list []check
	for {
		i := strings.Index(output, `{"success":`)
		if i < 0 {
			return list
		}
		d := json.NewDecoder(strings.NewReader(output[i:]))
		var body struct{ Data struct{ Check check } }
		if err := d.Decode(&body); err != nil {
			t.Fatalf("%v: %s", err, output[i:])
		}
		list = append(list, body.Data.Check)
		output = output[i+int(d.InputOffset()):]
	}
}

// record is the workspace's drifts, the newest of each resource.
func (r *root) record(t *testing.T) map[string]drift {
	t.Helper()
	var list struct{ Items []drift }
	r.pair.request(t, "GET", "/api/v1/drifts?limit=100&sortBy=createdAt&sortOrder=asc&workspace="+url.QueryEscape(r.workspace), "", &list)
	found := map[string]drift{}
	for _, d := range list.Items {
		found[d.ResourceID] = d
	}
	return found
}

// expect compares the record with what it should be: a status by resource, or the way in which it was resolved.
func (r *root) expect(t *testing.T, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for id, d := range r.record(t) {
		got[id] = d.how()
	}
	if !maps.Equal(got, want) {
		t.Errorf("the record is %v, want %v", got, want)
	}
}

// expectEvidence compares what the check says it proves.
func (c check) expectEvidence(t *testing.T, refreshed, coverage string, unproven int) {
	t.Helper()
	e := c.Evidence
	if e.Refreshed != refreshed || e.Coverage != coverage || e.Unproven != unproven {
		t.Errorf("the evidence is %+v, want refreshed %s, coverage %s, %d unproven", e, refreshed, coverage, unproven)
	}
	if unproven > 0 && (len(e.Reasons) == 0 || slices.Contains(e.Reasons, "")) {
		t.Errorf("the evidence gives no reason: %+v", e)
	}
}

// decide approves or rejects the open drift of a resource.
func (r *root) decide(t *testing.T, id, decision string) {
	t.Helper()
	d, ok := r.record(t)[id]
	if !ok {
		t.Fatalf("there is no drift of %s to %s", id, decision)
	}
	r.pair.request(t, "POST", "/api/v1/drifts/"+d.ID+"/"+decision, `{"reason":"agreed with the network team"}`, nil)
}

// set changes the settings of the workspace.
func (r *root) set(t *testing.T, settings string) {
	t.Helper()
	r.pair.request(t, "PATCH", "/api/v1/workspaces/"+url.PathEscape(r.workspace), settings, nil)
}

// expectWorkspace compares the status of the workspace.
func (r *root) expectWorkspace(t *testing.T, want string) {
	t.Helper()
	var list []struct{ Name, Status string }
	r.pair.request(t, "GET", "/api/v1/workspaces", "", &list)
	for _, w := range list {
		if w.Name == r.workspace {
			if w.Status != want {
				t.Errorf("the workspace is %s, want %s", w.Status, want)
			}
			return
		}
	}
	t.Errorf("there is no workspace %s", r.workspace)
}

// failureAlerts counts the alerts about failed checks of the workspace.
func (r *root) failureAlerts(t *testing.T) int {
	t.Helper()
	var list struct {
		Items []struct{ Type, Title, Message string }
	}
	r.pair.request(t, "GET", "/api/v1/alerts?limit=100", "", &list)
	n := 0
	for _, a := range list.Items {
		if a.Type == "check_failed" && strings.Contains(a.Title+" "+a.Message, r.workspace) {
			n++
		}
	}
	return n
}

// expectNoSecret looks for a value that must be masked in everything that the API shows of the account.
func (r *root) expectNoSecret(t *testing.T, secret string) {
	t.Helper()
	for _, path := range []string{"/api/v1/drifts?limit=100", "/api/v1/events", "/api/v1/alerts?limit=100"} {
		var data json.RawMessage
		r.pair.request(t, "GET", path, "", &data)
		if strings.Contains(string(data), secret) {
			t.Errorf("GET %s shows %s…", path, secret)
		}
	}
}
