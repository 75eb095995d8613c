package drift_test

import (
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestService_List_total holds the remembered counts against the table after each kind of change. Mutations that it
// finds: a count that is used whatever the head; a decision, a report or a check that appends no event; a key without the
// account, or without one of the filter's fields.
func TestService_List_total(t *testing.T) {
	w := newWorld(t)
	critical, detected := []drift.Severity{plan.Critical}, []drift.Status{drift.Detected}
	filters := []drift.Filter{
		{}, {Severity: critical}, {Severity: []drift.Severity{plan.Info, plan.Warning}}, {Status: detected}, {Status: []drift.Status{drift.Approved}}, {Status: []drift.Status{drift.Resolved}},
		{Workspace: []string{"prod"}}, {Workspace: []string{drift.DefaultWorkspace}}, {ResourceType: []string{"aws_thing"}}, {ResourceType: []string{"aws_instance"}},
		{Region: []string{"eu-central-1"}}, {Region: []string{"eu-west-1"}}, {Open: new(true)}, {Open: new(false)}, {Origin: []drift.Origin{plan.OriginManual}}, {Provider: []string{"x"}}, {From: new(time.Now().Add(-time.Hour))}, {To: new(time.Now().Add(-time.Hour))}, {Search: "web"}, {Search: "moved"}, {Status: detected, Search: "web"}, {Search: "tags"},
	}
	// check asks twice: the second response is from memory.
	check := func(after string) {
		t.Helper()
		for _, f := range filters {
			want, _, err := w.store.CountDrifts(t.Context(), w.engineer.AccountID, f)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				// Of a page that is full, so that it does not tell the total by itself.
				_, total, err := w.list(f, drift.Order{By: drift.ByCreated}, list.Page{Number: 1, Size: 1})
				if err != nil {
					t.Fatal(err)
				}
				if total != want {
					t.Errorf("after %s, %d drifts pass %+v; the list says %d", after, want, f, total)
				}
			}
		}
	}
	decided := func(_ *drift.Drift, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("nothing")
	one := w.report("web-1", func(r *drift.Report) { r.Severity = plan.Critical })
	two := w.report("web-2", func(r *drift.Report) { r.Severity, r.Region = plan.Info, "eu-west-1" })
	w.report("db")
	check("reports")
	decided(w.service.Triage(t.Context(), w.engineer, one.ID, 0))
	check("a triage")
	decided(w.service.Approve(t.Context(), w.engineer, one.ID, reason, 0))
	check("an approval")
	decided(w.service.Reject(t.Context(), w.engineer, two.ID, reason, 0))
	check("a rejection")
	decided(w.service.Resolve(t.Context(), w.engineer, two.ID, drift.ManualFix, 0))
	check("a resolution")

	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	w.ingest("prod", planOf(1, complete, web, resource{address: "aws_thing.x", want: "a", got: "b"}))
	check("a plan's new drifts")
	decided(w.service.Approve(t.Context(), w.engineer, w.drifts()["aws_thing.web"].ID, reason, 0))
	web.got = "c"
	w.ingest("prod", planOf(2, `,"complete":false`, web))
	check("reopening")
	w.ingest("prod", planOf(3, `,"complete":false`, web))
	check("a mere sighting")
	w.ingest("prod", planOf(4, `,"complete":false`, resource{address: "aws_thing.moved", previous: "aws_thing.web", want: "a", got: "c"}))
	check("a move")
	w.ingest("prod", planOf(5, complete))
	check("all being gone")

	hits, _ := w.metric(`cache_hits_total{cache="drift_count"}`)
	misses, _ := w.metric(`cache_misses_total{cache="drift_count"}`)
	if hits == 0 || hits != misses {
		t.Errorf("%v hits and %v misses, want one of each for every filter that something passes", hits, misses)
	}
}

// A page that is not full tells the total, and an empty one tells nothing unless it is the first.
func TestService_List_last_page(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.report(name)
	}
	for _, page := range []list.Page{{Number: 1, Size: 2}, {Number: 2, Size: 2}, {Number: 3, Size: 2}, {Number: 9, Size: 2}, {Number: 1, Size: 3}, {Number: 1, Size: 4}} {
		if _, total, err := w.list(drift.Filter{}, drift.Order{By: drift.ByCreated}, page); err != nil || total != 3 {
			t.Errorf("%+v: a total of %d (%v), want 3", page, total, err)
		}
	}
}

// Two accounts whose streams have reached the same position.
func TestService_List_total_of_another_account(t *testing.T) {
	w := newWorld(t)
	w.report("a")
	w.report("b")
	ada := w.engineer
	w.engineer = w.stranger
	if _, err := w.service.Triage(t.Context(), w.stranger, w.report("c").ID, 0); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		who  identity.Principal
		want int
	}{{ada, 2}, {w.stranger, 1}, {ada, 2}} {
		_, total, err := w.listAs(p.who, drift.Filter{}, drift.Order{By: drift.ByCreated}, list.Page{Number: 1, Size: 1})
		if err != nil || total != p.want {
			t.Errorf("%s sees %d drifts (%v), want %d", p.who.Email, total, err, p.want)
		}
	}
}

// TestService_counts_after_positions_given_twice: a standby without the last event is promoted, and another event gets its
// position. What was counted at that head before is not what is there now.
func TestService_counts_after_positions_given_twice(t *testing.T) {
	w := newWorld(t)
	kept := w.report("kept")
	w.report("also kept")
	lost := w.report("lost")
	page := list.Page{Number: 1, Size: 1}
	total := func() int {
		t.Helper()
		_, n, err := w.list(drift.Filter{}, drift.Order{By: drift.ByCreated}, page)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := total(); n != 3 {
		t.Fatalf("total %d", n)
	}
	for _, sql := range []string{
		"delete from alert where drift_id = '" + lost.ID.String() + "'", "delete from drift where id = '" + lost.ID.String() + "'",
		"delete from event where position = 3", "update account_stream set position = 2 where position = 3",
	} {
		if _, err := w.db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.service.Triage(t.Context(), w.engineer, kept.ID, kept.Version); err != nil {
		t.Fatal(err)
	}
	if head := pgtest.Value[int](t, w.db, "select max(position)::int from account_stream"); head != 3 {
		t.Fatalf("the head is %d, and must be where it was", head)
	}
	if n := total(); n != 2 {
		t.Errorf("total %d: it was remembered from the database that is gone", n)
	}
}
