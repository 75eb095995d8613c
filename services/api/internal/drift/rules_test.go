package drift_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// noisyPlan is a refresh-only plan in which an attribute of a database has this value, and its class is another one if there is a class.
func noisyPlan(at, class string) string {
	before, after := `{"latest_restorable_time":"2026-01-01","instance_class":"db.small"}`, fmt.Sprintf(`{"latest_restorable_time":%q,"instance_class":%q}`, at, class)
	return fmt.Sprintf(`{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"applyable":false,"resource_drift":[{
		"address":"aws_db_instance.main","mode":"managed","type":"aws_db_instance","name":"main","provider_name":"registry.terraform.io/hashicorp/aws",
		"change":{"actions":["update"],"before":%s,"after":%s,"before_sensitive":{},"after_sensitive":{}}}]}`, before, after)
}

func restorable() rule.Draft {
	return rule.Draft{
		Effect: rule.Ignore, Match: rule.Match{Types: []string{"aws_db_instance"}, Paths: []string{"latest_restorable_time"}},
		Reason: "it changes with every backup",
	}
}

// newRule makes a rule as an admin, and applies it.
func (w *world) newRule(draft rule.Draft) *rule.Rule {
	w.t.Helper()
	r, err := w.service.CreateRule(w.t.Context(), w.admin, draft)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sweep()
	return r
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.service.SweepRules(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if n := query[int](w, "select count(*)::int from rule_run"); n != 0 {
		w.t.Fatalf("%d runs are left", n)
	}
}

func (w *world) endRule(r *rule.Rule) {
	w.t.Helper()
	if _, err := w.service.EndRule(w.t.Context(), w.admin, r.ID); err != nil {
		w.t.Fatal(err)
	}
	w.sweep()
}

// database is the drift of noisyPlan.
func (w *world) database() *drift.Drift { return w.drifts()["aws_db_instance.main"] }

func (w *world) approve(d *drift.Drift) {
	w.t.Helper()
	if _, err := w.service.Approve(w.t.Context(), w.engineer, d.ID, "agreed with the owners", 0); err != nil {
		w.t.Fatal(err)
	}
}

// last are the last n types of the account's events.
func (w *world) last(n int) []event.Type {
	events := w.events()
	return events[max(0, len(events)-n):]
}

func ids(rules ...*rule.Rule) []uuid.UUID {
	all := make([]uuid.UUID, len(rules))
	for i, r := range rules {
		all[i] = r.ID
	}
	return all
}

func wantEvents(t *testing.T, got []event.Type, want ...event.Type) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// Mutations: counts without IsSuppressed; settle that leaves the flag, needsEyes without IsSuppressed, the hidden drifts' alerts left, the surfaced ones not raised.
func TestService_rules_suppress_and_surface(t *testing.T) {
	w := newWorld(t)
	critical := "critical"
	w.newRule(rule.Draft{Effect: rule.Severity, Severity: &critical, Match: rule.Match{Types: []string{"aws_db_*"}}, Reason: "databases matter most"})
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	alerts := func() int { return query[int](w, "select count(*)::int from alert where not is_read") }
	if d := w.database(); d.Severity != plan.Critical || alerts() != 1 {
		t.Fatalf("%s, %d alerts", d.Severity, alerts())
	}
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	draft := restorable()
	draft.ExpiresAt = &until
	r := w.newRule(draft)
	d := w.database()
	if !d.IsSuppressed() || *d.SuppressedBy != r.ID || *d.SuppressedReason != r.Reason || !d.SuppressedUntil.Equal(until) {
		t.Errorf("%v %v %v", d.SuppressedBy, d.SuppressedReason, d.SuppressedUntil)
	}
	if n := alerts(); n != 0 {
		t.Errorf("%d alerts of a suppressed drift", n)
	}
	wantEvents(t, w.last(2), event.DriftSuppressed, event.AlertRead)
	shown, total, err := w.list(drift.Filter{Suppressed: new(false)}, drift.Order{By: drift.ByCreated}, list.Page{Number: 1, Size: 10})
	if err != nil || len(shown) != 0 || total != 0 {
		t.Errorf("%d of %d, %v", len(shown), total, err)
	}
	t.Run("what is ignored changes silently, and is counted", func(t *testing.T) {
		before := d.Version
		result := w.ingest("production", noisyPlan("2026-03-03", "db.small"))
		if c := result.Check.Counts; c.Unchanged != 0 || c.Suppressed != 1 || result.Remaining.Suppressed != 1 || len(result.Remaining.Unsettled) != 0 {
			t.Errorf("%+v %+v", c, result.Remaining)
		}
		d := w.database()
		if d.Version != before || !strings.Contains(string(d.Difference), "2026-03-03") {
			t.Errorf("version %d after %d, %s", d.Version, before, d.Difference)
		}
		wantEvents(t, w.last(1), event.CheckCompleted)
		preview := func(u *drift.Upload) { u.Purpose = drift.Preview }
		if c := w.ingest("elsewhere", noisyPlan("2026-03-03", "db.small"), preview).Check.Counts; c.New != 0 || c.Suppressed != 1 {
			t.Errorf("what is new and ignored: %+v", c)
		}
	})
	t.Run("another path surfaces", func(t *testing.T) {
		if c := w.ingest("production", noisyPlan("2026-03-03", "db.large")).Check.Counts; c.Changed != 1 || c.Unchanged+c.Suppressed != 0 {
			t.Errorf("%+v", c)
		}
		if w.database().IsSuppressed() || alerts() != 1 {
			t.Errorf("suppressed, or %d alerts", alerts())
		}
		wantEvents(t, w.last(4), event.DriftUpdated, event.DriftSurfaced, event.AlertCreated, event.CheckCompleted)
		w.ingest("production", noisyPlan("2026-03-03", "db.small"))
	})
	t.Run("when the rule expires, it surfaces", func(t *testing.T) {
		w.exec("update rule set expires_at = now() where id = $1", r.ID)
		w.sweep()
		if w.database().IsSuppressed() || alerts() != 1 {
			t.Errorf("suppressed, or %d alerts", alerts())
		}
		ended, err := w.service.Rule(t.Context(), w.engineer, r.ID)
		if err != nil || ended.Status != rule.Ended || *ended.EndedHow != rule.Expired || ended.EndedBy != nil {
			t.Errorf("%+v %v", ended, err)
		}
		wantEvents(t, w.last(3), event.RuleEnded, event.DriftSurfaced, event.AlertCreated)
		if role := query[string](w, "select actor_role from audit where action = 'rule.ended'"); role != "system" {
			t.Errorf("the audit names %s", role)
		}
	})
	// Mutations: hid without a count; a run of rules that counts nothing.
	t.Run("it is counted", func(t *testing.T) {
		for _, series := range []string{
			`driftsentry_rules_applied_total`, `driftsentry_rules_drifts_total{outcome="suppressed"}`, `driftsentry_rules_drifts_total{outcome="surfaced"}`,
		} {
			if n, _ := w.metric(series); n == 0 {
				t.Errorf("%s is 0", series)
			}
		}
	})
}

// Mutations: ignores that is always false, and always true; leavesDecision without the condition on ignored paths, on the hash, and on the
// time; ForgetDecided left out.
func TestService_decisions_hold_while_ignored_paths_change(t *testing.T) {
	for _, tt := range []struct {
		name      string
		atTheEnd  string // of the rule: the ignored value
		class     string
		wantAfter drift.Status
	}{
		{"it has the value that was decided about", "2026-02-02", "db.large", drift.Approved},
		{"it has another value", "2026-03-03", "db.large", drift.Detected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.ingest("production", noisyPlan("2026-02-02", "db.large"))
			w.approve(w.database())
			r := w.newRule(restorable())
			for _, at := range []string{"2026-02-22", tt.atTheEnd} {
				w.ingest("production", noisyPlan(at, "db.large"))
				if d := w.database(); d.Status != drift.Approved || d.IsSuppressed() {
					t.Fatalf("%s, suppressed %t", d.Status, d.IsSuppressed())
				}
			}
			w.endRule(r)
			if d := w.database(); d.Status != tt.wantAfter {
				t.Errorf("%s, want %s", d.Status, tt.wantAfter)
			}
			left := query[int](w, "select count(*)::int from decided_path")
			if (tt.wantAfter == drift.Approved) != (left == 2) {
				t.Errorf("%d paths are kept", left)
			}
		})
	}
	t.Run("a path that is not ignored takes it back at once", func(t *testing.T) {
		w := newWorld(t)
		w.newRule(restorable())
		w.ingest("production", noisyPlan("2026-02-02", "db.large"))
		w.approve(w.database())
		w.ingest("production", noisyPlan("2026-03-03", "db.huge"))
		if d := w.database(); d.Status != drift.Detected {
			t.Errorf("%s", d.Status)
		}
	})
	t.Run("a decision of the version before is taken back as always", func(t *testing.T) {
		w := newWorld(t)
		r := w.newRule(restorable())
		w.ingest("production", noisyPlan("2026-02-02", "db.large"))
		w.approve(w.database())
		// That version knows no paths, neither of the drift nor of the decision.
		w.exec("delete from decided_path")
		w.exec("update drift set path_hashes = null")
		w.endRule(r)
		if d := w.database(); d.Status != drift.Approved {
			t.Errorf("what is not known took it back: %s", d.Status)
		}
		w.ingest("production", noisyPlan("2026-02-02", "db.large"))
		if d := w.database(); d.Status != drift.Approved {
			t.Errorf("the same difference: %s", d.Status)
		}
		w.ingest("production", noisyPlan("2026-03-03", "db.large"))
		if d := w.database(); d.Status != drift.Detected {
			t.Errorf("another difference: %s", d.Status)
		}
	})
}

// A crash in the middle of a run leaves the batches before it, and the next sweep goes on after them. Mutations: the run without SaveRun,
// LockRunWorkspace without the drifts' ids.
func TestService_rules_go_on_after_a_crash(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.ingest(fmt.Sprintf("workspace-%d", i), noisyPlan("2026-02-02", "db.small"))
	}
	w.report("i-1")
	if _, err := w.service.CreateRule(t.Context(), w.admin, restorable()); err != nil {
		t.Fatal(err)
	}
	// The database is lost with the second workspace.
	w.exec(`create function crash() returns trigger language plpgsql as $$ begin
		if new.workspace = 'workspace-1' and new.suppressed_by is not null then raise exception 'crash' using errcode = 'crash_shutdown'; end if; return new; end $$`)
	w.exec("create trigger crash before update on drift for each row execute function crash()")
	w.exec("insert into rule_run (account_id, begun_at) values ($1, now() + interval '1 hour')", w.stranger.AccountID)
	if err := w.service.SweepRules(t.Context()); err == nil {
		t.Fatal("no crash")
	}
	if n := query[int](w, "select count(*)::int from rule_run where account_id = $1", w.stranger.AccountID); n != 0 {
		t.Error("another account has to wait")
	}
	suppressed := func() int { return query[int](w, "select count(*)::int from drift where suppressed_by is not null") }
	if n := suppressed(); n != 1 {
		t.Errorf("%d drifts before the crash", n)
	}
	if at := query[string](w, "select workspace from rule_run"); at != "workspace-0" {
		t.Errorf("the run is at %q", at)
	}
	w.exec("drop trigger crash on drift")
	w.sweep()
	if n := suppressed(); n != 3 {
		t.Errorf("%d drifts after it", n)
	}
}

// An upload that was read with the old rules judges with the new ones when they changed before it has the workspace's lock.
// Mutation: reading.rules that always says judged.
func TestService_rules_change_during_an_upload(t *testing.T) {
	w := newWorld(t)
	w.newRule(rule.Draft{Effect: rule.Ignore, Match: rule.Match{Types: []string{"nothing"}}, Reason: "so that there are rules"})
	body := noisyPlan("2026-02-02", "db.small")
	reader := &midway{r: strings.NewReader(body), then: func() { w.newRule(restorable()) }}
	w.ingest("production", body, func(u *drift.Upload) { u.Body = reader })
	if !w.database().IsSuppressed() {
		t.Error("the old rules were used")
	}
}

// midway does something when it has been read to its end.
type midway struct {
	r    *strings.Reader
	then func()
}

func (m *midway) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	if m.r.Len() == 0 && m.then != nil {
		m.then()
		m.then = nil
	}
	return n, err
}

func TestService_rules_reported_drift(t *testing.T) {
	w := newWorld(t)
	team := "compute"
	w.newRule(rule.Draft{Effect: rule.Owner, Owner: &team, Match: rule.Match{Origins: []string{"manual"}}, Reason: "they look after reports"})
	r := w.newRule(rule.Draft{Effect: rule.Ignore, Match: rule.Match{Types: []string{"aws_instance"}, Paths: []string{"size"}}, Reason: "sizes change by themselves"})
	d := w.report("i-1", func(r *drift.Report) { r.Severity = plan.Critical })
	if !d.IsSuppressed() || *d.Owner != team || *d.OwnerBy == "" {
		t.Errorf("%v %v", d.SuppressedBy, d.Owner)
	}
	if n := query[int](w, "select count(*)::int from alert"); n != 0 {
		t.Errorf("%d alerts", n)
	}
	t.Run("a user's owner stays", func(t *testing.T) {
		w.exec("update drift set owner = 'mine', owner_by = 'ada@example.com'")
		w.endRule(r)
		if d := w.drifts()["i-1"]; d.IsSuppressed() || *d.Owner != "mine" {
			t.Errorf("%v %v", d.SuppressedBy, *d.Owner)
		}
	})
}

func TestService_rules_proposals_order_and_limits(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	proposed, err := w.service.CreateRule(t.Context(), w.engineer, restorable())
	if err != nil {
		t.Fatal(err)
	}
	w.sweep()
	if proposed.Status != rule.Proposed || w.database().IsSuppressed() {
		t.Errorf("a proposal is %s and has an effect", proposed.Status)
	}
	preview, err := w.service.PreviewRule(t.Context(), w.engineer, restorable())
	if err != nil || preview.Matched != 1 || preview.Suppressed != 1 || !preview.Complete || len(preview.Drifts) != 1 ||
		!slices.Equal(preview.Drifts[0].Paths, []string{"latest_restorable_time"}) {
		t.Errorf("%+v %v", preview, err)
	}
	if _, err := w.service.AcceptRule(t.Context(), w.admin, proposed.ID); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	if !w.database().IsSuppressed() {
		t.Error("an accepted rule has no effect")
	}
	if preview, err = w.service.PreviewRule(t.Context(), w.engineer, restorable()); err != nil || preview.Suppressed != 0 {
		t.Errorf("%+v %v", preview, err)
	}
	info, critical := "info", "critical"
	first := w.newRule(rule.Draft{Effect: rule.Severity, Severity: &info, Match: rule.Match{Workspaces: []string{"*"}}, Reason: "nothing matters much"})
	second := w.newRule(rule.Draft{Effect: rule.Severity, Severity: &critical, Match: rule.Match{Workspaces: []string{"*"}}, Reason: "everything matters much"})
	if s := w.database().Severity; s != plan.Info {
		t.Errorf("the first is not asked first: %s", s)
	}
	if err := w.service.ReorderRules(t.Context(), w.admin, ids(second, first)); !apierror.Is(err, apierror.Conflict) {
		t.Errorf("some of the rules: %v", err)
	}
	if err := w.service.ReorderRules(t.Context(), w.admin, ids(second, first, proposed)); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	if s := w.database().Severity; s != plan.Critical {
		t.Errorf("the order did not change: %s", s)
	}
	t.Run("what a change leaves as it is leaves no trace", func(t *testing.T) {
		before := len(w.events())
		if _, err := w.service.UpdateRule(t.Context(), w.admin, first.ID, rule.Change{Reason: &first.Reason}); err != nil {
			t.Fatal(err)
		}
		if after := len(w.events()); after != before {
			t.Errorf("%d events, then %d", before, after)
		}
	})
	t.Run("what has ended stays so", func(t *testing.T) {
		w.endRule(first)
		_, err := w.service.EndRule(t.Context(), w.admin, first.ID)
		wantKind(t, err, apierror.Conflict)
		_, err = w.service.AcceptRule(t.Context(), w.admin, first.ID)
		wantKind(t, err, apierror.Conflict)
	})
	t.Run("another account's rule is not found", func(t *testing.T) {
		_, err := w.service.Rule(t.Context(), w.stranger, second.ID)
		wantKind(t, err, apierror.NotFound)
		_, err = w.service.EndRule(t.Context(), w.stranger, second.ID)
		wantKind(t, err, apierror.NotFound)
	})
	t.Run("there is a limit", func(t *testing.T) {
		w.exec(`insert into rule (id, account_id, position, status, effect, reason)
			select gen_random_uuid(), $1, 100 + n, 'proposed', 'ignore', 'one of many' from generate_series(1, $2) n`, w.admin.AccountID, rule.MaxRules)
		_, err := w.service.CreateRule(t.Context(), w.admin, restorable())
		wantKind(t, err, apierror.Conflict)
	})
}

// The version before writes drifts without paths, and changes them without knowing rules: its columns alone are written here.
func TestService_rules_beside_the_version_before(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	w.exec("update drift set path_hashes = null")
	w.newRule(restorable())
	if !w.database().IsSuppressed() {
		t.Error("the paths in the difference were not used")
	}
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	if n := query[int](w, "select count(path_hashes)::int from drift"); n != 1 {
		t.Error("the paths were not kept with the next upload")
	}
	// It changed the difference while the drift was suppressed.
	w.exec(`update drift set difference = difference || '{"instance_class":{"expected":"a","actual":"b"}}', difference_mac = decode('00', 'hex') || substr(difference_mac, 2)`)
	w.newRule(rule.Draft{Effect: rule.Ignore, Match: rule.Match{Types: []string{"nothing"}}, Reason: "so that rules are applied"})
	if w.database().IsSuppressed() {
		t.Error("old paths were believed")
	}
}

// Decisions and uploads go on while rules are applied: locks are taken in one order.
func TestService_rules_with_decisions_and_uploads(t *testing.T) {
	w := newWorld(t)
	w.ingest("production", noisyPlan("2026-02-02", "db.small"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := make(chan error, 3)
	for _, work := range []func(i int) error{
		func(i int) error {
			_, err := w.tryIngest("production", noisyPlan(fmt.Sprint("2026-03-", i), "db.small"))
			return err
		},
		func(int) error {
			r, err := w.service.CreateRule(ctx, w.admin, restorable())
			if err == nil {
				_, err = w.service.EndRule(ctx, w.admin, r.ID)
			}
			return err
		},
		func(int) error { return w.service.SweepRules(ctx) },
	} {
		go func() {
			var err error
			for i := 0; i < 10 && err == nil; i++ {
				err = work(i)
			}
			failed <- err
		}()
	}
	if err := errors.Join(<-failed, <-failed, <-failed); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	if w.database().IsSuppressed() {
		t.Error("no rule is in force")
	}
}
