package drift_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Mutation: the answer that is there is not looked for.
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
		t.Errorf("the same body got\n%s\nwant the first answer\n%s", again, first)
	}
	if n := len(w.events()); n != events+1 {
		t.Errorf("it left %d events", n-events-1)
	}
	if partial := raw(planOf(1, complete, web), func(u *drift.Upload) { u.Scope = plan.ScopePartial }); partial == first {
		t.Error("other options got the first answer")
	}
	undated := raw(planOf(0, complete, web))
	if raw(planOf(0, complete, web)) == undated {
		t.Error("a body without a timestamp got the first answer, but it may be another plan")
	}
	if got := w.drifts()["aws_thing.web"].Occurrences; got != 4 {
		t.Errorf("seen %d times, want 4", got)
	}
}

func TestService_Ingest_future(t *testing.T) {
	w := newWorld(t)
	w.ingest("prod", `{"format_version":"1.2","timestamp":"9999-01-01T00:00:00Z","complete":true}`)
	now := time.Now().Add(time.Second).UTC().Format(time.RFC3339)
	if a := w.ingest("prod", `{"format_version":"1.2","timestamp":"`+now+`","complete":true}`); a.Check.Stale {
		t.Error("a plan from the future made every later one stale")
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
		wg.Go(func() { // Somebody who marks everything read takes the locks of alerts meanwhile.
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
