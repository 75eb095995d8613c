package drift_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

const staleAfter = 36 * time.Hour

func (w *world) timer() *drift.Timer { return drift.NewTimer(w.service, staleAfter, w.tel) }

// Mutations: expired without its status; LockExpired without `for update`; expire without alerts; timed stops after one batch.
func TestTimer_ends_approvals(t *testing.T) {
	w := newWorld(t)
	until := time.Now().Add(time.Hour)
	critical := w.report("critical", func(r *drift.Report) { r.Severity = plan.Critical })
	forever, resolved, reopened := w.report("forever"), w.report("resolved"), w.report("reopened")
	approve := func(d *drift.Drift, until *time.Time) {
		t.Helper()
		if _, err := w.service.Decide(t.Context(), w.engineer, d.ID, 0, drift.Decision{Action: drift.Approve, Reason: reason, Until: until}); err != nil {
			t.Fatal(err)
		}
	}
	approve(critical, &until)
	approve(forever, nil)
	approve(resolved, &until)
	approve(reopened, &until)
	if _, err := w.service.Resolve(t.Context(), w.engineer, resolved.ID, drift.ManualFix, 0); err != nil {
		t.Fatal(err)
	}
	// As a replica of the version before does it, which does not know the column.
	w.exec("update drift set status = 'detected', approved_at = null where id = $1", reopened.ID)

	before := len(w.events())
	w.timer().Tick(t.Context(), until.Add(-time.Second))
	if n := len(w.events()); n != before {
		t.Fatalf("%d events too early", n-before)
	}
	// Two replicas at once, and once more.
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { w.timer().Tick(t.Context(), until) })
	}
	wg.Wait()
	w.timer().Tick(t.Context(), until.Add(time.Hour))
	if got, want := w.events()[before:], []event.Type{event.DriftExpired, event.AlertCreated}; !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	got, err := w.service.Get(t.Context(), w.engineer, critical.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != drift.Detected || got.Version != 3 || got.ApprovedBy != nil || got.ApprovedUntil != nil || !got.DetectedAt.After(critical.DetectedAt) {
		t.Errorf("%+v", got)
	}
	timeline, _, err := w.trail.Timeline(t.Context(), w.engineer.AccountID, critical.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last := timeline[len(timeline)-1]; last.Action != "drift.expired" || last.ActorID != nil || last.ActorRole != "system" || last.Metadata["from"] != "approved" {
		t.Errorf("timeline: %+v", last)
	}
	if stored := w.drifts(); stored["forever"].Status != drift.Approved || stored["resolved"].Status != drift.Resolved || stored["resolved"].ApprovedUntil == nil {
		t.Errorf("others: %+v", stored)
	}
}

func TestTimer_ends_more_approvals_than_a_batch(t *testing.T) {
	w := newWorld(t)
	const many = 600
	first := w.report("0")
	w.exec(`insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, severity, detected_by, status, approved_at, approved_until)
		select gen_random_uuid(), account_id, sha256(x::text::bytea), workspace, x::text, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, 'critical', detected_by, 'approved', now(), now() from drift, generate_series(1, $2) x where id = $1`, first.ID, many)
	w.timer().Tick(t.Context(), time.Now().Add(time.Minute))
	if n := query[int](w, "select count(*)::int from event where type = 'drift.expired'"); n != many {
		t.Errorf("%d have ended, want %d", n, many)
	}
	// One alert for each batch: all of them are too many for one each.
	if n := query[int](w, "select count(*)::int from alert"); n != 3 {
		t.Errorf("%d alerts", n)
	}
}

// Mutations: restless without `last_check_at is not null`; tellStale without its event; saveChecked keeps the alert; SettleStale without
// its `not exists`.
func TestTimer_tells_of_stale_workspaces(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"prod", "archived", "fresh", "own"} {
		w.ingest(name, planOf(0, complete))
	}
	w.report("web") // of a workspace that never had a check
	w.exec("update workspace set last_check_at = now() - interval '40 hours' where name in ('prod', 'archived')")
	w.exec("update workspace set archived = true where name = 'archived'")
	w.exec("update workspace set stale_after = 60, last_check_at = now() - interval '2 minutes' where name = 'own'")
	before := len(w.events())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { w.timer().Tick(t.Context(), time.Now()) })
	}
	wg.Wait()
	w.timer().Tick(t.Context(), time.Now())
	want := []event.Type{event.WorkspaceStale, event.WorkspaceStale, event.AlertCreated, event.AlertCreated}
	if got := w.events()[before:]; !slices.Equal(got, want) {
		t.Fatalf("events are %v, want %v", got, want)
	}
	unread := func() []string {
		t.Helper()
		part, err := w.service.ListAlerts(t.Context(), w.engineer, drift.AlertFilter{IsRead: new(false), Type: []drift.AlertType{drift.WorkspaceStale}}, first(10))
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, a := range part.Items {
			titles = append(titles, a.Title)
		}
		slices.Sort(titles)
		return titles
	}
	if got, want := unread(), []string{"no checks of own", "no checks of prod"}; !slices.Equal(got, want) {
		t.Errorf("alerts: %v, want %v", got, want)
	}

	// A check settles it at once, and a setting with the next tick.
	w.ingest("prod", planOf(0, complete))
	if got, want := unread(), []string{"no checks of own"}; !slices.Equal(got, want) {
		t.Errorf("alerts: %v, want %v", got, want)
	}
	w.exec("update workspace set stale_after = null where name = 'own'")
	w.timer().Tick(t.Context(), time.Now())
	if got := unread(); len(got) != 0 {
		t.Errorf("alerts: %v", got)
	}
	if got := w.events(); got[len(got)-1] != event.AlertRead {
		t.Errorf("the last event is %s", got[len(got)-1])
	}
	// It may become stale again.
	w.exec("update workspace set last_check_at = now() - interval '40 hours' where name = 'prod'")
	w.timer().Tick(t.Context(), time.Now())
	if got, want := unread(), []string{"no checks of prod"}; !slices.Equal(got, want) {
		t.Errorf("alerts: %v, want %v", got, want)
	}
}

func TestTimer_tells_of_many_stale_workspaces_at_once(t *testing.T) {
	w := newWorld(t)
	const many = 21
	for i := range many {
		w.ingest("w"+strconv.Itoa(i), planOf(0, complete))
	}
	w.exec("update workspace set last_check_at = now() - interval '40 hours'")
	w.timer().Tick(t.Context(), time.Now())
	alert := query[uuid.UUID](w, "select id from alert where title = $1 and not is_read", "no checks of 21 workspaces")
	for i := range many {
		if query[bool](w, "select is_read from alert where id = $1", alert) {
			t.Fatalf("it is settled after %d of %d", i, many)
		}
		w.ingest("w"+strconv.Itoa(i), planOf(0, complete))
	}
	if !query[bool](w, "select is_read from alert where id = $1", alert) {
		t.Error("it is not settled")
	}
	if n := query[int](w, "select count(*)::int from event where type = 'workspace.stale'"); n != many {
		t.Errorf("%d events, want %d", n, many)
	}
}
