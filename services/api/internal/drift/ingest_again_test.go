package drift_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Mutation: the stored response is not looked for.
func TestService_Ingest_repeated(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	raw := func(body string, change ...func(*drift.Upload)) string {
		return string(w.ingest("prod", body, change...).Response)
	}
	first := raw(planOf(1, complete, web))
	events := len(w.events())
	if _, err := w.service.Approve(t.Context(), w.engineer, w.drifts()["aws_thing.web"].ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	if again := raw(planOf(1, complete, web)); again != first {
		t.Errorf("the same body got\n%s\nwant the first response\n%s", again, first)
	}
	if n := len(w.events()); n != events+1 {
		t.Errorf("it left %d events", n-events-1)
	}
	if partial := raw(planOf(1, complete, web), func(u *drift.Upload) { u.Scope = plan.ScopePartial }); partial == first {
		t.Error("other options got the first response")
	}
	undated := raw(planOf(0, complete, web))
	if raw(planOf(0, complete, web)) == undated {
		t.Error("a body without a timestamp got the first response, but it may be another plan")
	}
	if got := w.drifts()["aws_thing.web"].Occurrences; got != 4 {
		t.Errorf("seen %d times, want 4", got)
	}
}

// TestService_Ingest_after_failure: a plan that comes again after a run that failed is read again, or its workspace would stay
// failed. Two plans of the same second have the same bytes. Mutations: failedAfter that is always false; each of its conditions
// left out; a preview that forgets.
func TestService_Ingest_after_failure(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	body := planOf(1, rootOf("aws_thing.web"), web)
	fail := func() {
		t.Helper()
		if _, err := w.service.Fail(t.Context(), w.key, drift.Failure{Workspace: "prod", Reason: "no lock"}); err != nil {
			t.Fatal(err)
		}
	}
	status := func() string { return query[string](w, "select last_check_status from workspace") }
	w.ingest("prod", body)
	w.ingest("prod", body, preview)
	fail()
	if a := w.ingest("prod", body, preview); !a.Repeated() {
		t.Error("a preview was made again, though no run of previews failed")
	}
	if a := w.ingest("prod", body); a.Repeated() || a.Check.Status != drift.CheckDrifted || a.Check.Counts.Unchanged != 1 || status() != "drifted" {
		t.Errorf("the workspace is %s: %+v", status(), a.Check)
	}
	if a := w.ingest("prod", body); !a.Repeated() {
		t.Error("without another failure it was read a third time")
	}
	other := planOf(2, rootOf("aws_thing.other"))
	w.ingest("prod", other)
	errored := planOf(3, `,"errored":true`)
	w.ingest("prod", errored)
	for name, raw := range map[string]string{"of another root": other, "of the run that failed": errored} {
		if a := w.ingest("prod", raw); !a.Repeated() || status() != "failed" {
			t.Errorf("a plan %s: the workspace is %s, %+v", name, status(), a.Check)
		}
	}
	w.ingest("prod", planOf(4, complete, web))
	fail()
	if a := w.ingest("prod", body); !a.Repeated() || status() != "failed" {
		t.Errorf("a plan that is not the newest: the workspace is %s, %+v", status(), a.Check)
	}
}

// TestService_Ingest_ref: the same plan with another ref is another upload. Mutation: the hash without the ref.
func TestService_Ingest_ref(t *testing.T) {
	w := newWorld(t)
	body, main := planOf(1, complete), "main"
	of := func(ref string) func(*drift.Upload) { return func(u *drift.Upload) { u.Source.Ref = ref } }
	w.ingest("prod", planOf(0, complete))
	if _, err := w.service.UpdateWorkspace(t.Context(), w.engineer, "prod", drift.WorkspaceChange{RecordRef: drift.Change[string]{Set: true, Value: &main}}); err != nil {
		t.Fatal(err)
	}
	w.ingest("prod", body, of("main"))
	if a := w.ingest("prod", body, of("main")); !a.Repeated() {
		t.Errorf("%+v", a.Check)
	}
	if a := w.ingest("prod", body); a.Repeated() || !strings.Contains(strings.Join(a.Check.Evidence.Reasons, " "), "names no ref") {
		t.Errorf("%+v", a.Check)
	}
	for _, ref := range []string{"feature/a", "feature/b"} {
		if a := w.ingest("prod", body, of(ref)); a.Repeated() || a.Check.Purpose != drift.Preview || a.Check.Source.Ref != ref {
			t.Errorf("%s: %+v", ref, a.Check)
		}
	}
}

// TestService_Ingest_another_root: a plan of another root is a row in the list of checks, and nothing else. Mutations: apply for
// it; its check noted on the workspace; a run that failed not noted; its drifts counted.
func TestService_Ingest_another_root(t *testing.T) {
	w := newWorld(t)
	web, theirs := resource{address: "aws_thing.web", want: "a", got: "b"}, resource{address: "aws_thing.theirs", want: "a", got: "b"}
	w.ingest("prod", planOf(1, rootOf("aws_thing.web"), web))
	tables := func() []string {
		return []string{
			query[string](w, "select string_agg(row_to_json(d)::text, ' ' order by id) from drift d"),
			query[string](w, "select string_agg(row_to_json(x)::text, ' ') from workspace x"),
			query[string](w, "select count(*)::text from alert"),
		}
	}
	before, events := tables(), len(w.events())
	a := w.ingest("prod", planOf(2, rootOf("aws_thing.theirs"), theirs))
	if c := a.Check; !c.RootMismatch || c.Counts != (event.Counts{New: 1}) || c.Evidence.Unproven != 1 || c.Status != drift.CheckDrifted || len(a.Drifts) != 1 {
		t.Errorf("%+v", c)
	}
	if after := tables(); !slices.Equal(after, before) {
		t.Errorf("it changed\n%v\nto\n%v", before, after)
	}
	if after := w.events()[events:]; !slices.Equal(after, []event.Type{event.CheckCompleted}) {
		t.Errorf("events: %v", after)
	}
	if n := query[int](w, "select count(*) from workspace_check where root_mismatch"); n != 1 {
		t.Errorf("%d checks of another root", n)
	}
	if n, _ := w.metric(`driftsentry_ingest_drifts_total{outcome="new"}`); n != 1 {
		t.Errorf("%v new drifts are counted, want the one that was there before", n)
	}
	if a := w.ingest("prod", planOf(3, rootOf("aws_thing.web"), web)); a.Check.RootMismatch || a.Check.Counts != (event.Counts{Unchanged: 1}) {
		t.Errorf("the workspace's own root: %+v", a.Check)
	}
	t.Run("a run of it that failed marks the workspace", func(t *testing.T) {
		a := w.ingest("prod", planOf(4, rootOf("aws_thing.theirs")+`,"errored":true`, theirs))
		if !a.Check.RootMismatch || a.Check.Status != drift.CheckErrored || len(w.drifts()) != 1 {
			t.Errorf("%+v", a.Check)
		}
		if s := query[string](w, "select last_check_status from workspace"); s != "failed" {
			t.Errorf("the workspace is %s", s)
		}
	})
}

// TestService_Ingest_errored_unknown: a failure makes no workspace. Mutation: LockWorkspace for every upload but a preview.
func TestService_Ingest_errored_unknown(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		a := w.ingest("prdo", planOf(1, `,"errored":true`, resource{address: "aws_thing.web", want: "a", got: "b"}))
		if c := a.Check; c == nil || c.Status != drift.CheckErrored || c.Purpose != drift.Record || !strings.Contains(strings.Join(c.Evidence.Reasons, " "), "no such workspace") {
			t.Errorf("%+v", a.Check)
		}
	}
	if n := query[int](w, "select (select count(*) from workspace) + (select count(*) from workspace_check) + (select count(*) from drift)"); n != 0 {
		t.Errorf("it left %d rows", n)
	}
	if n := len(w.events()); n != 0 {
		t.Errorf("it left %d events", n)
	}
}

// TestService_Ingest_keeps_last_time: a plan that says little about the workspace does not make the next ones stale. Mutations:
// a time in the future set to now; each of the conditions of note left out.
func TestService_Ingest_keeps_last_time(t *testing.T) {
	future := func(d time.Duration) string {
		return `{"format_version":"1.2","timestamp":"` + time.Now().Add(d).UTC().Format(time.RFC3339) + `","complete":true}`
	}
	for name, body := range map[string]string{
		"a plan far from the future": `{"format_version":"1.2","timestamp":"9999-01-01T00:00:00Z","complete":true}`,
		"a plan from the future":     future(6 * time.Minute),
		"a plan that errored":        planOf(9, `,"errored":true`),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ingest("prod", planOf(1, complete))
			w.ingest("prod", body)
			if a := w.ingest("prod", planOf(5, complete)); a.Check.Stale {
				t.Error("it made a later upload stale")
			}
			if a := w.ingest("prod", planOf(4, complete)); !a.Check.Stale {
				t.Error("an older plan is not stale")
			}
		})
	}
	t.Run("a clock that is a little ahead counts", func(t *testing.T) {
		w := newWorld(t)
		w.ingest("prod", future(2*time.Minute))
		if a := w.ingest("prod", planOf(5, complete)); !a.Check.Stale {
			t.Error("an older plan is not stale")
		}
		if a := w.ingest("prod", future(time.Minute)); a.Check.Stale {
			t.Error("it made a plan from now stale")
		}
	})
}

// rootOf is what a plan says of a root that has this resource.
func rootOf(address string) string {
	return fmt.Sprintf(`,"complete":true,"prior_state":{"format_version":"1.0","values":{"root_module":{"resources":[{"address":%q,"mode":"managed",`+
		`"type":"aws_thing","name":"x","provider_name":"p","values":{"id":"1"}}]}}}`, address)
}

// TestService_Ingest_accepted_root: what a plan of another root asks for has an effect on the same plan. Mutations:
// ForgetResponse not called; called without an accepted root; a plan of another root that sets the last plan's time.
func TestService_Ingest_accepted_root(t *testing.T) {
	w := newWorld(t)
	accept := true
	w.ingest("prod", planOf(1, rootOf("aws_thing.web"), resource{address: "aws_thing.web", want: "a", got: "b"}))
	other := planOf(9, rootOf("aws_thing.other"))
	if a := w.ingest("prod", other); !a.Check.RootMismatch {
		t.Fatalf("%+v", a.Check)
	}
	if a := w.ingest("prod", planOf(3, rootOf("aws_thing.web"), resource{address: "aws_thing.web", want: "a", got: "b"})); a.Check.Stale {
		t.Error("a plan of another root made one of the workspace's own root stale")
	}
	if a := w.ingest("prod", other); !a.Repeated() {
		t.Error("the same plan was read anew, and nobody had accepted its root")
	}
	if _, err := w.service.UpdateWorkspace(t.Context(), w.engineer, "prod", drift.WorkspaceChange{AcceptRoot: &accept}); err != nil {
		t.Fatal(err)
	}
	if a := w.ingest("prod", other); a.Repeated() || a.Check.RootMismatch {
		t.Errorf("the same plan after its root was accepted: %+v", a.Check)
	}
	if a := w.ingest("prod", other); !a.Repeated() {
		t.Error("the plan that was accepted was read again")
	}
}

// Mutation: open drifts not looked at for a stale plan.
func TestService_Ingest_stale_status(t *testing.T) {
	w := newWorld(t)
	w.ingest("prod", planOf(5, complete, resource{address: "aws_thing.web", want: "a", got: "b"}))
	if a := w.ingest("prod", planOf(2, complete)); !a.Check.Stale || a.Check.Status != drift.CheckDrifted {
		t.Errorf("a drift is open, and the check says %s (stale: %t)", a.Check.Status, a.Check.Stale)
	}
	w.ingest("prod", planOf(6, complete))
	if a := w.ingest("prod", planOf(3, complete)); !a.Check.Stale || a.Check.Status != drift.CheckOK {
		t.Errorf("no drift is open, and the check says %s (stale: %t)", a.Check.Status, a.Check.Stale)
	}
}

// Mutation: LockWorkspace that only reads.
func TestService_Ingest_at_once(t *testing.T) {
	w := newWorld(t)
	const uploads = 6
	body := func(i int) string {
		var resources []resource
		for r := range 20 {
			resources = append(resources, resource{address: fmt.Sprintf("aws_thing.r%d", r), want: "a", got: fmt.Sprint(i)})
		}
		return planOf(0, complete, resources...)
	}
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			if _, err := w.tryIngest("prod", body(i)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { // A user who marks everything read takes the locks of alerts meanwhile.
			if _, err := w.service.MarkAllAlertsRead(t.Context(), w.engineer); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for id, d := range w.drifts() {
		if d.Version != uploads || d.Occurrences != uploads {
			t.Errorf("%s: version %d, seen %d times; want %d", id, d.Version, d.Occurrences, uploads)
		}
	}
	if want := uploads*20 + uploads; len(w.events()) != want {
		t.Errorf("%d events, want %d", len(w.events()), want)
	}
}
