package drift_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// TestService_Approve_stream_lost: nothing is decided without an event for it. A decision has one event. Mutations of the
// statement of AppendEvents for one: the event inserted from head, of which there is none, and the commit that travels with
// it is done; position 1 in the place of head's.
func TestService_Approve_stream_lost(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	audited := query[int](w, "select count(*)::int from audit")
	w.exec("delete from account_stream where account_id = $1", w.engineer.AccountID)
	w.exec("delete from event") // No position is taken, so the statement cannot fail for that reason.
	if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 0); err == nil {
		t.Error("it is approved")
	}
	if version := query[int](w, "select version from drift where id = $1", d.ID); version != d.Version {
		t.Errorf("the version is %d, want %d", version, d.Version)
	}
	if status := query[string](w, "select status from drift where id = $1", d.ID); status != string(drift.Detected) {
		t.Errorf("the drift is %s", status)
	}
	if n := query[int](w, "select count(*)::int from audit"); n != audited {
		t.Errorf("%d audit rows more", n-audited)
	}
	if n := query[int](w, "select count(*)::int from event"); n != 0 {
		t.Errorf("%d events", n)
	}
}

// TestService_Ingest_stream_lost: the same of a plan, whose events are several. Mutations of the statement of AppendEvents for
// many: an inner join; positions from 1 where there is no head.
func TestService_Ingest_stream_lost(t *testing.T) {
	w := newWorld(t)
	w.exec("delete from account_stream where account_id = $1", w.engineer.AccountID)
	body := planOf(1, complete,
		resource{address: "aws_thing.a", want: "a", got: "b"}, resource{address: "aws_thing.b", want: "a", got: "b"},
		resource{address: "aws_iam_policy.c", kind: "aws_iam_policy", want: "a", got: "b"})
	if _, err := w.tryIngest("prod", body); err == nil {
		t.Error("it is taken")
	}
	for _, table := range []string{"drift", "alert", "audit", "event", "workspace", "workspace_check"} {
		if n := query[int](w, "select count(*)::int from "+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	// It was for the stream: with its counter back, the same plan is taken.
	w.exec("insert into account_stream (account_id) values ($1)", w.engineer.AccountID)
	w.ingest("prod", body)
	if n := query[int](w, "select count(*)::int from drift"); n != 3 || len(w.events()) < 4 {
		t.Errorf("%d drifts, events %v", n, w.events())
	}
}
