package drift_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

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
// ForgetOtherRoot not called; called without an accepted root; a plan of another root that sets the last plan's time.
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
