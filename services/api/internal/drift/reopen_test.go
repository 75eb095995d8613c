package drift_test

import (
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Mutations: d.reopen without DetectedAt; SaveDecision without detected_at, or without approved_until; Reopen settles alerts.
func TestService_Decide_takes_a_decision_back(t *testing.T) {
	w := newWorld(t)
	for _, decision := range []drift.Decision{
		{Action: drift.Approve, Reason: reason, Until: new(time.Now().Add(time.Hour))},
		{Action: drift.Reject, Reason: reason},
	} {
		d := w.report("web-"+string(decision.Action), func(r *drift.Report) { r.Severity = plan.Critical })
		decided, err := w.service.Decide(t.Context(), w.engineer, d.ID, 0, decision)
		if err != nil {
			t.Fatal(err)
		}
		if (decided.ApprovedUntil != nil) != (decision.Until != nil) {
			t.Errorf("approved until %v", decided.ApprovedUntil)
		}
		back := drift.Decision{Action: drift.Reopen, Reason: "that was the wrong one"}
		_, err = w.service.Decide(t.Context(), w.colleague, d.ID, 1, back)
		wantKind(t, err, apierror.Conflict)
		got, err := w.service.Decide(t.Context(), w.colleague, d.ID, 2, back)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != drift.Detected || got.Version != 3 || got.ApprovedBy != nil || got.ApprovedUntil != nil || got.RejectedBy != nil || !got.DetectedAt.After(d.DetectedAt) {
			t.Errorf("reopened: %+v", got)
		}
		stored, err := w.service.Get(t.Context(), w.engineer, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, &stored.Drift, got)
		if stored.AlertCount != 2 {
			t.Errorf("%d alerts, want another one", stored.AlertCount)
		}
		_, err = w.service.Decide(t.Context(), w.colleague, d.ID, 0, back)
		wantKind(t, err, apierror.Conflict)
	}
	one := []event.Type{event.DriftCreated, event.AlertCreated, event.DriftApproved, event.AlertRead, event.DriftReopened, event.AlertCreated}
	want := append(slices.Clone(one), one...)
	want[8] = event.DriftRejected
	if got := w.events(); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
}

func TestService_Decide_until_is_ahead(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	for _, until := range []time.Time{time.Now(), time.Now().Add(30 * time.Second), time.Now().AddDate(6, 0, 0), time.Now().Add(-time.Hour)} {
		_, err := w.service.Decide(t.Context(), w.engineer, d.ID, 0, drift.Decision{Action: drift.Approve, Reason: reason, Until: &until})
		wantKind(t, err, apierror.Invalid)
	}
}
