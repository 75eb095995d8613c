package drift_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

const reason = "agreed with the network team"

func TestService_Approve(t *testing.T) {
	w := newWorld(t)
	critical := func(r *drift.Report) { r.Severity = plan.Critical }

	t.Run("drift, alert, audit row and events change together", func(t *testing.T) {
		d := w.report("web", critical)
		ctx, span := w.tel.Tracer().Start(t.Context(), "request")
		got, err := w.service.Approve(ctx, w.engineer, d.ID, "  "+reason+"\n", 1)
		span.End()
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != drift.Approved || got.Version != 2 || *got.ApprovedBy != w.engineer.Email || *got.ApprovalReason != reason || got.ApprovedAt == nil {
			t.Errorf("approved: %+v", got)
		}
		stored, err := w.service.Get(t.Context(), w.colleague, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, &stored.Drift, got)
		if stored.AlertCount != 1 || query[int](w, "select count(*)::int from alert where drift_id = $1 and is_read and read_by = $2", d.ID, w.engineer.Email) != 1 {
			t.Errorf("the alert was not marked read: %+v", stored)
		}
		timeline, _, err := w.trail.Timeline(t.Context(), w.engineer.AccountID, d.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		last := timeline[len(timeline)-1]
		if len(timeline) != 2 || last.Action != "drift.approved" || last.ActorEmail != w.engineer.Email || last.Message != reason ||
			last.TraceID != span.SpanContext().TraceID().String() || last.Metadata["from"] != "detected" {
			t.Errorf("timeline: %+v", timeline)
		}
		want := []event.Type{event.DriftCreated, event.AlertCreated, event.DriftApproved, event.AlertRead}
		if got := w.events(); !slices.Equal(got, want) {
			t.Errorf("events are %v, want %v", got, want)
		}
	})

	t.Run("the event carries the context of the span publish", func(t *testing.T) {
		publish := w.tel.Spans()
		i := slices.IndexFunc(publish, func(s spanStub) bool {
			return s.Name == "publish events" && hasAttribute(s, "driftsentry.event.types", `["drift.approved","alert.read"]`)
		})
		if i < 0 {
			t.Fatal("there is no such span")
		}
		sc := publish[i].SpanContext
		want := "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-01"
		if n := query[int](w, "select count(*)::int from event where traceparent = $1 and body->>'traceparent' = $1", want); n != 2 {
			t.Errorf("%d events have traceparent %s, want both", n, want)
		}
	})

	t.Run("already decided is a conflict", func(t *testing.T) {
		d := w.report("decided")
		if _, err := w.service.Reject(t.Context(), w.engineer, d.ID, reason, 0); err != nil {
			t.Fatal(err)
		}
		before := w.events()
		for name, decide := range map[string]func() (*drift.Drift, error){
			"approve": func() (*drift.Drift, error) { return w.service.Approve(t.Context(), w.engineer, d.ID, reason, 0) },
			"reject":  func() (*drift.Drift, error) { return w.service.Reject(t.Context(), w.engineer, d.ID, reason, 0) },
			"triage":  func() (*drift.Drift, error) { return w.service.Triage(t.Context(), w.engineer, d.ID, 0) },
		} {
			_, err := decide()
			if !apierror.Is(err, apierror.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := w.events(); len(after) != len(before) {
			t.Errorf("a refused decision left events: %v", after[len(before):])
		}
	})

	t.Run("an older version is a conflict", func(t *testing.T) {
		d := w.report("moved on")
		if _, err := w.service.Triage(t.Context(), w.engineer, d.ID, 1); err != nil {
			t.Fatal(err)
		}
		_, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 1)
		wantKind(t, err, apierror.Conflict)
		if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 2); err != nil {
			t.Error(err)
		}
	})

	t.Run("a reason has 10 to 1000 characters", func(t *testing.T) {
		d := w.report("reasoned")
		for _, bad := range []string{"", "too short", "         x         ", strings.Repeat("é", 1001)} {
			_, err := w.service.Approve(t.Context(), w.engineer, d.ID, bad, 0)
			wantKind(t, err, apierror.Invalid)
		}
		if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, strings.Repeat("é", 1000), 0); err != nil {
			t.Error(err)
		}
	})

	t.Run("another account's drift is not found", func(t *testing.T) {
		d := w.report("ours")
		_, err := w.service.Approve(t.Context(), w.stranger, d.ID, reason, 0)
		wantKind(t, err, apierror.NotFound)
		_, err = w.service.Get(t.Context(), w.stranger, d.ID)
		wantKind(t, err, apierror.NotFound)
		_, _, err = w.trail.Timeline(t.Context(), w.stranger.AccountID, d.ID, nil)
		wantKind(t, err, apierror.NotFound)
		_, err = w.service.Approve(t.Context(), w.engineer, uuid.New(), reason, 0)
		wantKind(t, err, apierror.NotFound)
		if w.drifts()["ours"].Status != drift.Detected {
			t.Error("a stranger changed it")
		}
	})
}

func TestService_Resolve(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	if _, err := w.service.Resolve(t.Context(), w.engineer, d.ID, drift.Reverted, 0); !apierror.Is(err, apierror.Invalid) {
		t.Errorf("a person resolved it as a plan would: %v", err)
	}
	got, err := w.service.Resolve(t.Context(), w.engineer, d.ID, drift.ManualFix, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != drift.Resolved || *got.ResolvedHow != drift.ManualFix || got.ResolvedAt == nil {
		t.Errorf("resolved: %+v", got)
	}
	_, err = w.service.Resolve(t.Context(), w.engineer, d.ID, drift.ManualFix, 0)
	wantKind(t, err, apierror.Conflict)

	if again := w.report("web"); again.PreviousID == nil || *again.PreviousID != d.ID {
		t.Errorf("the drift that came back does not name the resolved one: %+v", again)
	}
}

// Mutation: LockDrift without `for update`.
func TestService_two_people_decide_at_once(t *testing.T) {
	w := newWorld(t)
	const rounds, people = 20, 8 // In the first rounds they still wait for connections, one after the other.
	for round := range rounds {
		d := w.report("contested-" + strconv.Itoa(round))
		start := make(chan struct{})
		var errs [people]error
		var wg sync.WaitGroup
		for i := range people {
			wg.Go(func() {
				decide := w.service.Approve
				if i%2 == 1 {
					decide = w.service.Reject
				}
				<-start
				_, errs[i] = decide(context.Background(), w.engineer, d.ID, reason, 0)
			})
		}
		close(start)
		wg.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !apierror.Is(err, apierror.Conflict):
				t.Errorf("the loser got %v", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d decisions won, want 1", won)
		}
		if n := query[int](w, "select count(*)::int from audit where drift_id = $1 and action <> 'drift.created'", d.ID); n != 1 {
			t.Errorf("%d audit rows, want 1", n)
		}
	}
	if events := w.events(); len(events) != 2*rounds {
		t.Errorf("%d events, want one decision about each of %d drifts: %v", len(events), rounds, events)
	}
}

// Mutation: AppendEvents reads the position before it writes it.
func TestService_positions_have_no_gap(t *testing.T) {
	w := newWorld(t)
	const writers, each = 8, 6
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				d, err := w.service.Create(context.Background(), w.engineer, drift.Report{
					ResourceID: strings.Repeat("r", i+1) + strings.Repeat("s", j+1), ResourceType: "t", Region: "r", Workspace: drift.DefaultWorkspace,
					ExpectedState: []byte(`{"a":1}`), ActualState: []byte(`{"a":2}`),
				})
				if err == nil {
					// Half of them fail after the drift was changed: what they took must not stay taken.
					_, err = w.service.Approve(context.Background(), w.engineer, d.ID, reason, 0)
					_, _ = w.service.Approve(context.Background(), w.engineer, d.ID, reason, 0)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(w.events()); n != 2*writers*each {
		t.Errorf("%d events, want %d", n, 2*writers*each)
	}
	if head := query[int64](w, "select position from account_stream where account_id = $1", w.engineer.AccountID); head != 2*writers*each {
		t.Errorf("the head is %d", head)
	}
}

// Taking note of a drift leaves its alert to be read; deciding reads it.
func TestService_decisions_and_alerts(t *testing.T) {
	w := newWorld(t)
	d := w.report("web", func(r *drift.Report) { r.Severity = plan.Critical })
	unread := func() int {
		n, err := w.service.CountUnreadAlerts(t.Context(), w.engineer)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if _, err := w.service.Triage(t.Context(), w.engineer, d.ID, 0); err != nil || unread() != 1 {
		t.Errorf("after the triage %d alerts are unread (%v), want 1", unread(), err)
	}
	if _, err := w.service.Approve(t.Context(), w.engineer, d.ID, reason, 0); err != nil || unread() != 0 {
		t.Errorf("after the approval %d alerts are unread (%v), want none", unread(), err)
	}
}
