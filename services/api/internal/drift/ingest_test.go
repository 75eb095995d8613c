package drift_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// resource is an entry of a plan: an attribute that should be `want` and is `got`.
type resource struct {
	address, previous string
	want, got         string
	kind              string // aws_thing when empty
}

// planOf writes a plan made so many minutes after some moment, in which these resources drifted.
func planOf(minute int, rest string, resources ...resource) string {
	return planWith(minute, rest, resources, nil)
}

func planWith(minute int, rest string, drifts, changes []resource) string {
	listed := func(resources []resource) string {
		entries := make([]string, len(resources))
		for i, r := range resources {
			kind := r.kind
			if kind == "" {
				kind = "aws_thing"
			}
			previous := ""
			if r.previous != "" {
				previous = fmt.Sprintf(`,"previous_address":%q`, r.previous)
			}
			entries[i] = fmt.Sprintf(`{"address":%q,"mode":"managed","type":%q,"name":"x"%s,"change":{"actions":["update"],"before":{"v":%q},"after":{"v":%q}}}`,
				r.address, kind, previous, r.want, r.got)
		}
		return strings.Join(entries, ",")
	}
	body := `{"format_version":"1.2","terraform_version":"1.11.4"`
	if minute > 0 {
		body += fmt.Sprintf(`,"timestamp":%q`, time.Date(2026, 3, 1, 0, minute, 0, 0, time.UTC).Format(time.RFC3339))
	}
	body += rest + `,"resource_drift":[` + listed(drifts) + `]`
	if changes != nil {
		body += `,"resource_changes":[` + listed(changes) + `]`
	}
	return body + "}"
}

const complete = `,"complete":true`

func TestService_Ingest_fixtures(t *testing.T) {
	w := newWorld(t)
	first := w.ingest("prod", fixture(t, "refresh_only_tf1.11.4.json"))
	if first.Check.Status != "drifted" || first.Check.Counts != (event.Counts{New: 4}) || len(first.Drifts) != 4 {
		t.Errorf("refresh-only: %+v", first.Check)
	}
	var severities []drift.Severity
	for _, d := range first.Drifts {
		severities = append(severities, d.Severity)
	}
	if want := []drift.Severity{plan.Critical, plan.Critical, plan.Warning, plan.Warning}; !slices.Equal(severities, want) {
		t.Errorf("severities are %v, want %v", severities, want)
	}
	if alerts, err := w.service.ListAlerts(t.Context(), w.engineer, drift.AlertFilter{DriftID: &first.Drifts[0].ID}, list.Range{Page: list.Page{Number: 1, Size: 20}}); err != nil || alerts.Total != 1 || alerts.Items[0].Type != drift.DriftDetected {
		t.Errorf("alerts: %+v, %v", alerts, err)
	}

	second := w.ingest("prod", fixture(t, "normal_tf1.11.4.json"))
	if second.Check.Counts != (event.Counts{Changed: 4}) {
		t.Errorf("the same drift in a normal plan, which plans something: %+v", second.Check.Counts)
	}
	for _, d := range second.Drifts {
		if d.Occurrences != 2 || d.Version != 2 || d.PlannedAction == nil {
			t.Errorf("%s was seen again: occurrences %d, version %d, planned %v", d.ResourceID, d.Occurrences, d.Version, d.PlannedAction)
		}
	}

	for _, name := range []string{"errored_tf1.11.4.json", "targeted_incomplete_tf1.11.4.json"} {
		a := w.ingest("prod", fixture(t, name))
		want := map[string]drift.CheckStatus{"errored_tf1.11.4.json": "failed", "targeted_incomplete_tf1.11.4.json": "drifted"}[name]
		if a.Check.Status != want || a.Check.Counts != (event.Counts{}) {
			t.Errorf("%s: %+v, want %s and nothing resolved", name, a.Check, want)
		}
	}
	// It is from before the others, so it changes nothing.
	if a := w.ingest("prod", fixture(t, "clean_tf1.11.4.json")); !a.Check.Stale || a.Check.Counts.Resolved != 0 {
		t.Errorf("an older plan: %+v", a.Check)
	}
	if a := w.ingest("prod", strings.Replace(fixture(t, "clean_tf1.11.4.json"), "2026-11-23T00:13:32Z", "2026-11-23T00:14:00Z", 1)); a.Check.Status != "ok" || a.Check.Counts.Resolved != 4 {
		t.Errorf("clean: %+v", a.Check)
	}
	if a := w.ingest("moved", fixture(t, "moved_noop_tf1.11.4.json")); a.Check.Status != "ok" || a.Check.Counts != (event.Counts{}) {
		t.Errorf("moved without a drift: %+v", a.Check)
	}
	_, err := w.tryIngest("prod", fixture(t, "plan_stream_tf1.11.4.jsonl"))
	wantKind(t, err, apierror.Invalid)

	t.Run("no secret is anywhere", func(t *testing.T) {
		rows, err := w.db.Query(t.Context(), `select row_to_json(d)::text from drift d union all select row_to_json(e)::text from event e
			union all select row_to_json(a)::text from audit a union all select row_to_json(a)::text from alert a
			union all select row_to_json(c)::text from workspace_check c union all select row_to_json(w)::text from workspace w`)
		if err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			all.WriteString(row)
		}
		if rows.Err() != nil || !strings.Contains(all.String(), "aws_db_instance.main") {
			t.Fatalf("the dump is empty: %v", rows.Err())
		}
		fmt.Fprint(&all, w.tel.Output(), w.tel.Spans(), w.tel.Records())
		for _, secret := range []string{"hunter2-from-var", "changed-by-hand", "leaked-by-hand"} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("%s got out", secret)
			}
		}
	})
}

func TestService_Ingest_life(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	w.ingest("prod", planOf(1, complete, web))
	d := w.drifts()["aws_thing.web"]
	if _, err := w.service.Reject(t.Context(), w.engineer, d.ID, reason, 0); err != nil {
		t.Fatal(err)
	}

	t.Run("seen again unchanged, a decision stays", func(t *testing.T) {
		before := len(w.events())
		a := w.ingest("prod", planOf(2, complete, web))
		got := w.drifts()["aws_thing.web"]
		if a.Check.Counts != (event.Counts{Unchanged: 1}) || got.Status != drift.Rejected || got.Version != 2 || got.Occurrences != 2 || !got.LastSeenAt.After(d.LastSeenAt) {
			t.Errorf("%+v, %+v", a.Check.Counts, got)
		}
		if after := w.events()[before:]; !slices.Equal(after, []event.Type{event.CheckCompleted}) {
			t.Errorf("events: %v", after)
		}
	})

	t.Run("a changed difference reopens", func(t *testing.T) {
		before := len(w.events())
		web.got = "c"
		a := w.ingest("prod", planOf(3, complete, web))
		got := w.drifts()["aws_thing.web"]
		if a.Check.Counts != (event.Counts{Changed: 1}) || got.Status != drift.Detected || got.Version != 3 || got.RejectedAt != nil ||
			got.RejectedBy != nil || got.RejectionReason != nil || got.Occurrences != 3 || !strings.Contains(string(got.Difference), `"c"`) {
			t.Errorf("%+v, %+v", a.Check.Counts, got)
		}
		if after := w.events()[before:]; !slices.Equal(after, []event.Type{event.DriftReopened, event.CheckCompleted}) {
			t.Errorf("events: %v", after)
		}
		timeline, _, err := w.trail.Timeline(t.Context(), w.engineer.AccountID, d.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		var actions []string
		for _, row := range timeline {
			actions = append(actions, row.Action)
		}
		if want := []string{"drift.created", "drift.rejected", "drift.reopened"}; !slices.Equal(actions, want) || timeline[1].Message != reason || timeline[2].ActorRole != "api_key" {
			t.Errorf("timeline: %+v", timeline)
		}
	})

	t.Run("a changed difference of an undecided one updates", func(t *testing.T) {
		before := len(w.events())
		web.got = "d"
		w.ingest("prod", planOf(4, complete, web))
		if got := w.drifts()["aws_thing.web"]; got.Status != drift.Detected || got.Version != 4 {
			t.Errorf("%+v", got)
		}
		if after := w.events()[before:]; !slices.Equal(after, []event.Type{event.DriftUpdated, event.CheckCompleted}) {
			t.Errorf("events: %v", after)
		}
	})

	t.Run("gone, it is resolved, and coming back it is a new one", func(t *testing.T) {
		w.ingest("prod", planOf(5, complete))
		if got := w.drifts()["aws_thing.web"]; got.Status != drift.Resolved || *got.ResolvedHow != drift.Unknown {
			t.Errorf("gone: %+v", got)
		}
		a := w.ingest("prod", planOf(6, complete, web))
		if back := a.Drifts[0]; back.ID == d.ID || back.PreviousID == nil || *back.PreviousID != d.ID || back.Version != 1 {
			t.Errorf("back: %+v", back)
		}
	})
}

func TestService_Ingest_moves(t *testing.T) {
	w := newWorld(t)
	w.ingest("prod", planOf(1, complete,
		resource{address: "aws_thing.x[0]", want: "a", got: "0"}, resource{address: "aws_thing.x[1]", want: "a", got: "1"},
		resource{address: "aws_thing.y", want: "a", got: "y"}))
	before := w.drifts()
	a := w.ingest("prod", planOf(2, complete,
		resource{address: "aws_thing.x[1]", previous: "aws_thing.x[0]", want: "a", got: "0"},
		resource{address: "aws_thing.x[2]", previous: "aws_thing.x[1]", want: "a", got: "1"},
		resource{address: "aws_thing.y", want: "a", got: "y"}))
	after := w.drifts()
	if after["aws_thing.x[1]"].ID != before["aws_thing.x[0]"].ID || after["aws_thing.x[2]"].ID != before["aws_thing.x[1]"].ID {
		t.Errorf("the drifts did not follow their resources: %v", slices.Sorted(maps.Keys(after)))
	}
	if a.Check.Counts != (event.Counts{Changed: 2, Unchanged: 1}) || len(after) != 3 {
		t.Errorf("%+v, %d drifts", a.Check.Counts, len(after))
	}
	if d := after["aws_thing.x[2]"]; d.Version != 2 || d.Occurrences != 2 {
		t.Errorf("a new address is a change: %+v", d)
	}
	// Two that change places are in each other's way.
	if a := w.ingest("prod", planOf(3, `,"complete":false`,
		resource{address: "aws_thing.x[2]", previous: "aws_thing.x[1]", want: "a", got: "0"},
		resource{address: "aws_thing.x[1]", previous: "aws_thing.x[2]", want: "a", got: "1"},
	)); a.Check.Counts != (event.Counts{Changed: 2}) {
		t.Errorf("changed places: %+v", a.Check.Counts)
	}
	// By the new address it is found again.
	if a := w.ingest("prod", planOf(4, `,"complete":false`, resource{address: "aws_thing.x[2]", want: "a", got: "0"})); a.Check.Counts != (event.Counts{Unchanged: 1}) {
		t.Errorf("seen under the new address: %+v", a.Check.Counts)
	}
	// Where another drift is open already it stays under the old address.
	if a := w.ingest("prod", planOf(5, `,"complete":false`, resource{address: "aws_thing.y", previous: "aws_thing.x[2]", want: "a", got: "y"})); a.Check.Counts != (event.Counts{Unchanged: 1}) {
		t.Errorf("moved to where one is: %+v", a.Check.Counts)
	}
}

func TestService_Ingest_alerts(t *testing.T) {
	w := newWorld(t)
	policies := func(n int, got string) (list []resource) {
		for i := range n {
			list = append(list, resource{address: fmt.Sprintf("aws_iam_policy.p%d", i), kind: "aws_iam_policy", want: "a", got: got})
		}
		return list
	}
	alerts := func() int { return query[int](w, "select count(*)::int from alert") }
	w.ingest("prod", planOf(1, complete, policies(20, "b")...))
	if n := alerts(); n != 20 {
		t.Fatalf("%d alerts of 20 critical drifts", n)
	}
	w.ingest("prod", planOf(2, complete, policies(20, "c")...))
	if n := alerts(); n != 20 {
		t.Errorf("%d alerts: what was critical already is no news", n)
	}
	w.ingest("prod", planOf(3, complete, append(policies(20, "c"), resource{address: "aws_thing.x", want: "a", got: "b"})...))
	w.ingest("many", planOf(1, complete, policies(21, "b")...))
	if n := alerts(); n != 21 {
		t.Errorf("%d alerts, want one more for 21 drifts", n)
	}
	if n := query[int](w, "select count(*)::int from alert where drift_id is null and title = '21 critical drifts in many'"); n != 1 {
		t.Error("the alert does not tell how many there are")
	}
	w.ingest("prod", planOf(4, `,"errored":true`))
	if n := query[int](w, "select count(*)::int from alert where type = 'check_failed'"); n != 1 {
		t.Errorf("%d alerts of a failed check", n)
	}
	w.ingest("prod", planOf(5, complete))
	if n := query[int](w, "select count(*)::int from alert join drift on drift.id = drift_id where drift.workspace = 'prod' and (not is_read or read_by is not null)"); n != 0 {
		t.Errorf("%d alerts of drifts that are gone were not read by the system", n)
	}
}

func TestService_Ingest_isolation(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	w.ingest("prod", planOf(1, complete, web))
	if _, err := w.service.Ingest(t.Context(), w.stranger, drift.Upload{Workspace: "prod", Body: strings.NewReader(planOf(2, complete)), Encode: encode}); err != nil {
		t.Fatal(err)
	}
	if got := w.drifts()["aws_thing.web"]; got.Status != drift.Detected {
		t.Errorf("another account's plan changed it: %+v", got)
	}
	strange, n, err := w.listAs(w.stranger, drift.Filter{}, drift.Order{By: drift.ByCreated}, list.Page{Number: 1, Size: 20})
	if err != nil || n != 0 || len(strange) != 0 {
		t.Errorf("the other account has %d drifts: %v", n, err)
	}
}

func TestService_Ingest_bad_plans_leave_nothing(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"", "{", "[]", `{"format_version":"9.0","complete":true}`, planOf(1, complete) + "x"} {
		_, err := w.tryIngest("prod", body)
		wantKind(t, err, apierror.Invalid)
	}
	if n := query[int](w, "select count(*)::int from workspace"); n != 0 {
		t.Errorf("%d workspaces were made", n)
	}
}

func TestService_Ingest_large(t *testing.T) {
	w := newWorld(t)
	const n = 5000
	resources := make([]resource, n)
	for i := range resources {
		resources[i] = resource{address: fmt.Sprintf("aws_thing.r%d", i), want: "a", got: "b"}
	}
	a := w.ingest("prod", planOf(1, complete, resources...))
	if a.Check.Counts.New != n || len(a.Drifts) != 100 {
		t.Errorf("%+v, %d drifts in the response", a.Check.Counts, len(a.Drifts))
	}
	if len(w.events()) != n+1 {
		t.Errorf("%d events", len(w.events()))
	}
	if a := w.ingest("prod", planOf(2, complete, resources[1:]...)); a.Check.Counts != (event.Counts{Unchanged: n - 1, Resolved: 1}) {
		t.Errorf("%+v", a.Check.Counts)
	}
	if spans := len(w.tel.Spans()); spans > 100 {
		t.Errorf("%d spans: a statement per resource", spans)
	}
}
