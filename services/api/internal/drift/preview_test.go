package drift_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

func preview(u *drift.Upload) { u.Purpose = drift.Preview }

// TestService_Ingest_preview: a preview says what a plan would do, and does nothing of it. Mutations: apply in place of
// preview; the same hash for both purposes.
func TestService_Ingest_preview(t *testing.T) {
	w := newWorld(t)
	stays := resource{address: "aws_iam_policy.stays", kind: "aws_iam_policy", want: "a", got: "b"}
	goes, comes := resource{address: "aws_thing.goes", want: "a", got: "b"}, resource{address: "aws_thing.comes", want: "a", got: "b"}
	w.ingest("prod", planOf(1, complete, stays, goes))
	tables := func() []string {
		return []string{
			query[string](w, "select string_agg(row_to_json(d)::text, ' ' order by id) from drift d"),
			query[string](w, "select string_agg(row_to_json(x)::text, ' ') from workspace x"),
			query[string](w, "select count(*)::text from alert"),
		}
	}
	before, events := tables(), len(w.events())
	stays.got = "c"
	a := w.ingest("prod", planOf(5, complete, stays, comes), preview)
	if a.Check.Counts != (event.Counts{New: 1, Changed: 1, Resolved: 1}) || a.Check.Purpose != drift.Preview || a.Check.Status != drift.CheckDrifted {
		t.Errorf("%+v", a.Check)
	}
	if len(a.Drifts) != 2 || len(a.Drifts[0].Difference) == 0 || len(a.Drifts[1].Difference) == 0 {
		t.Errorf("%+v", a.Drifts)
	}
	if after := tables(); !slices.Equal(after, before) {
		t.Errorf("the preview changed\n%v\nto\n%v", before, after)
	}
	if after := w.events()[events:]; !slices.Equal(after, []event.Type{event.CheckCompleted}) {
		t.Errorf("events: %v", after)
	}
	t.Run("a plan made before it is not stale", func(t *testing.T) {
		if a := w.ingest("prod", planOf(2, complete, goes)); a.Check.Stale {
			t.Error("the preview moved the time of the last plan")
		}
	})
	t.Run("the same plan can be recorded", func(t *testing.T) {
		a := w.ingest("prod", planOf(5, complete, stays, comes))
		if a.Repeated() || a.Check.Purpose != drift.Record {
			t.Errorf("%+v", a.Check)
		}
	})
	t.Run("of a plan older than the last", func(t *testing.T) {
		if a := w.ingest("prod", planOf(3, complete, comes), preview); a.Check.Stale || len(a.Drifts) != 1 {
			t.Errorf("%+v", a.Check)
		}
	})
	t.Run("of a plan that was recorded, too", func(t *testing.T) {
		if a := w.ingest("prod", planOf(5, complete, stays, comes), preview); !a.Repeated() {
			t.Error("a preview that is repeated is another one")
		}
	})
}

// TestService_Ingest_preview_unknown: a wrong name in a pull request leaves no workspace. Mutation: LockWorkspace for previews.
func TestService_Ingest_preview_unknown(t *testing.T) {
	w := newWorld(t)
	web := resource{address: "aws_thing.web", want: "a", got: "b"}
	for range 2 {
		a := w.ingest("prdo", planOf(1, complete, web), preview)
		if a.Check == nil || a.Check.Counts != (event.Counts{New: 1}) || len(a.Drifts) != 1 || len(a.Drifts[0].Difference) == 0 {
			t.Errorf("%+v", a)
		}
	}
	if n := query[int](w, "select (select count(*) from workspace) + (select count(*) from workspace_check) + (select count(*) from drift)"); n != 0 {
		t.Errorf("it left %d rows", n)
	}
	if n := len(w.events()); n != 0 {
		t.Errorf("it left %d events", n)
	}
	if a := w.ingest("prdo", planOf(1, complete, web)); a.Check.Counts.New != 1 {
		t.Errorf("recorded afterwards: %+v", a.Check)
	}
}

// TestService_Ingest_left_out: a workspace whose only drift could not be read is not fine. Mutation: entries that were left out not looked at.
func TestService_Ingest_left_out(t *testing.T) {
	w := newWorld(t)
	a := w.ingest("prod", planOf(1, complete, resource{address: "aws_thing.nul", want: "a", got: "b"}))
	if a.Check.LeftOut.Count != 0 {
		t.Fatalf("%+v", a.Check.LeftOut)
	}
	body := strings.ReplaceAll(planOf(2, complete, resource{address: "aws_thing.nul", want: "a", got: "NUL"}), "NUL", `\u0000`)
	a = w.ingest("other", body)
	if a.Check.LeftOut.Count != 1 || a.Check.Status != drift.CheckDrifted || len(a.Drifts) != 0 {
		t.Errorf("%+v", a.Check)
	}
	t.Run("its drift stays open", func(t *testing.T) {
		if a := w.ingest("prod", body); a.Check.LeftOut.Count != 1 || a.Check.Counts.Resolved != 0 || a.Check.Evidence.Unproven != 1 {
			t.Errorf("%+v", a.Check)
		}
	})
}
