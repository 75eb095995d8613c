package drift_test

import (
	"maps"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// TestService_Ingest_remaining: the response says what is open in the workspace, shown by the plan or not. Mutations: the drifts
// that the plan created left out, resolved ones counted, rejected ones taken as settled, nothing for a stale plan.
func TestService_Ingest_remaining(t *testing.T) {
	w := newWorld(t)
	critical := resource{address: "aws_iam_policy.p", kind: "aws_iam_policy", want: "a", got: "b"}
	accepted, refused := resource{address: "aws_thing.accepted", want: "a", got: "b"}, resource{address: "aws_thing.refused", want: "a", got: "b"}
	expect := func(step string, got *drift.Ingested, want drift.Remaining) {
		t.Helper()
		if got.Remaining.Approved != want.Approved || !maps.Equal(got.Remaining.Unsettled, want.Unsettled) {
			t.Errorf("%s: %+v, want %+v", step, got.Remaining, want)
		}
	}
	expect("new", w.ingest("prod", planOf(1, complete, critical, accepted, refused)),
		drift.Remaining{Unsettled: map[plan.Severity]int{plan.Critical: 1, plan.Warning: 2}})
	drifts := w.drifts()
	if _, err := w.service.Approve(t.Context(), w.engineer, drifts[accepted.address].ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.Reject(t.Context(), w.engineer, drifts[refused.address].ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	one := drift.Remaining{Unsettled: map[plan.Severity]int{plan.Warning: 1}, Approved: 1}
	expect("decided, one gone", w.ingest("prod", planOf(3, complete, accepted, refused)), one)
	expect("stale", w.ingest("prod", planOf(2, complete, critical)), one)
	expect("a preview", w.ingest("prod", planOf(4, complete, accepted), preview), drift.Remaining{Unsettled: map[plan.Severity]int{}, Approved: 1})
	expect("not all of it is shown", w.ingest("prod", planOf(5, `,"complete":false`, accepted)), one)
	expect("another workspace", w.ingest("test", planOf(5, complete)), drift.Remaining{Unsettled: map[plan.Severity]int{}})
}
