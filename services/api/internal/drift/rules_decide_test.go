package drift_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// What a decision was about is kept, also when it is made about many drifts at once, and forgotten when it ends: taken back, or by
// the clock. Mutations: saveDecided without decided; LockDrifts without path_hashes; decided that does nothing for Reopen; expire
// without decided.
func TestService_decisions_keep_their_paths_while_they_hold(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	d, until := w.database(), time.Now().Add(time.Hour)
	expect := func(when string, want int) {
		t.Helper()
		if n := query[int](w, `select count(*)::int from decided_path join drift d on d.id = drift_id where d.id = $1 and decided_at = approved_at`, d.ID); n != want {
			t.Errorf("%s: %d paths are kept, want %d", when, n, want)
		}
		if n := query[int](w, "select count(*)::int from decided_path"); n != want {
			t.Errorf("%s: %d paths in all, want %d", when, n, want)
		}
	}
	bulk := func(a drift.Action, until *time.Time) {
		t.Helper()
		outcomes, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{IDs: []uuid.UUID{d.ID}}, drift.Decision{Action: a, Reason: reason, Until: until})
		if err != nil || outcomes[0].Err != nil {
			t.Fatal(outcomes, err)
		}
	}
	bulk(drift.Approve, nil)
	expect("approved", 1)
	bulk(drift.Reopen, nil)
	expect("taken back", 0)
	bulk(drift.Approve, &until)
	expect("approved until", 1)
	w.timer().Tick(t.Context(), until)
	expect("expired", 0)
	w.approve(d)
	expect("approved alone", 1)
	if _, err := w.service.Decide(t.Context(), w.engineer, d.ID, 0, drift.Decision{Action: drift.Reopen, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	expect("taken back alone", 0)
}

// A decision that ends about a drift that rules ignore raises no alert. Mutation: alertReopened by the severity alone.
func TestService_suppressed_drifts_end_quietly(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	critical := "critical"
	w.newRule(rule.Draft{Effect: rule.Severity, Severity: &critical, Match: rule.Match{Types: []string{"aws_db_*"}}, Reason: "databases matter most"})
	w.newRule(restorable())
	d := w.database()
	w.approve(d)
	before := query[int](w, "select count(*)::int from alert")
	if _, err := w.service.Decide(t.Context(), w.engineer, d.ID, 0, drift.Decision{Action: drift.Reopen, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	if d = w.database(); d.Severity != plan.Critical || !d.IsSuppressed() {
		t.Fatalf("%+v", d)
	}
	if n := query[int](w, "select count(*)::int from alert"); n != before {
		t.Errorf("%d alerts were raised", n-before)
	}
}

// An owner that a person sets stays, whatever rules say; when it is removed, rules set theirs at once. Mutations: Assign without
// RequestRules; with owner_by left as it was; settle that overwrites a person's.
func TestService_Assign_and_rules(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	team := "database-team"
	assign := func(owner *string) *drift.Drift {
		t.Helper()
		d, err := w.service.Assign(t.Context(), w.engineer, w.database().ID, owner, 0)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := assign(new("ada")); *d.OwnerBy != w.engineer.Email {
		t.Errorf("owned by %s", *d.OwnerBy)
	}
	r := w.newRule(rule.Draft{Effect: rule.Owner, Owner: &team, Match: rule.Match{Types: []string{"aws_db_*"}}, Reason: "databases are theirs"})
	if d := w.database(); *d.Owner != "ada" {
		t.Errorf("a rule has made it %s's", *d.Owner)
	}
	if d := assign(nil); d.Owner != nil || d.OwnerBy != nil {
		t.Errorf("%+v", d)
	}
	w.sweep()
	if d := w.database(); d.Owner == nil || *d.Owner != team || *d.OwnerBy != drift.RuleOwner(r.ID) {
		t.Errorf("%+v", d)
	}
}
