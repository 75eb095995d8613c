package drift

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// AlertType says what an alert is about.
type AlertType string

// The types. Other tools raise approval_needed and remediation_failed.
const (
	DriftDetected     AlertType = "drift_detected"
	ApprovalNeeded    AlertType = "approval_needed"
	RemediationFailed AlertType = "remediation_failed"
	CheckFailed       AlertType = "check_failed"
	WorkspaceStale    AlertType = "workspace_stale"
)

// AlertTypes are all types.
var AlertTypes = []AlertType{DriftDetected, ApprovalNeeded, RemediationFailed, CheckFailed, WorkspaceStale}

// Alert is something that people should look at.
type Alert struct {
	ID        uuid.UUID
	DriftID   *uuid.UUID // nil when it is not about one drift
	Type      AlertType
	Severity  Severity
	Title     string
	Message   string
	IsRead    bool // by the person who asks, or settled for all by a decision or a plan
	ReadAt    *time.Time
	ReadBy    *string // who read or settled it; nil when it is unread, or a plan settled it
	CreatedAt time.Time
}

// escape makes the alert fit to be shown: it names what strangers gave, and an earlier version stored it as it came.
func (a *Alert) escape() {
	a.Title, a.Message = legible.EscapeLine(a.Title), legible.EscapeText(a.Message)
}

// AlertPerson is who reads alerts: each person has read their own.
type AlertPerson struct {
	ID    uuid.UUID
	Email string
}

func readerOf(p identity.Principal) AlertPerson { return AlertPerson{p.UserID, p.Email} }

// AlertReader reads alerts, as a person sees them.
type AlertReader interface {
	ListAlerts(ctx context.Context, account uuid.UUID, f AlertFilter, reader AlertPerson, r list.Range) (list.Part[Alert], error)
	// Alert is one, and the head that it was read at; apierror.NotFound when there is none.
	Alert(ctx context.Context, account, id uuid.UUID, reader AlertPerson) (*Alert, list.Head, error)
	CountUnread(ctx context.Context, account uuid.UUID, reader AlertPerson) (int, error)
}

// AlertTx changes alerts.
type AlertTx interface {
	// LockAlert is one alert; apierror.NotFound when there is none.
	LockAlert(ctx context.Context, account, id uuid.UUID, reader AlertPerson) (*Alert, error)
	InsertAlerts(ctx context.Context, account uuid.UUID, alerts []Alert) error
	// ReadAlerts notes that a person has read one alert, or all that they have not read, and counts these.
	ReadAlerts(ctx context.Context, account uuid.UUID, id *uuid.UUID, reader AlertPerson, at time.Time) (int, error)
	// SettleAlerts marks the alerts of drifts as read by all, and counts those that were not by drift. by is who decided, nil
	// when no user did.
	SettleAlerts(ctx context.Context, account uuid.UUID, drifts []uuid.UUID, at time.Time, by *string) (map[uuid.UUID]int, error)
}

// AlertFilter says which alerts; an empty field does not matter, and of several values one must fit.
type AlertFilter struct {
	DriftID  *uuid.UUID
	IsRead   *bool
	Severity []Severity
	Type     []AlertType
}

// maxAlerts is how many alerts one check raises about its critical drifts. When there are more of them, one alert stands
// for all.
const maxAlerts = 20

// alertsFor are the alerts that a check of a workspace raises about critical drifts.
func alertsFor(workspace string, critical []*Drift, now time.Time) []Alert {
	if len(critical) > maxAlerts {
		return []Alert{{
			ID: uid.New(), Type: DriftDetected, Severity: plan.Critical, CreatedAt: now,
			Title:   fmt.Sprintf("%d critical drifts in %s", len(critical), workspace),
			Message: "one check found them; filter the drifts by workspace and severity to see all",
		}}
	}
	alerts := make([]Alert, 0, len(critical))
	for _, d := range critical {
		alerts = append(alerts, Alert{
			ID: uid.New(), DriftID: &d.ID, Type: DriftDetected, Severity: plan.Critical, CreatedAt: now,
			Title:   "critical drift of " + d.ResourceID,
			Message: fmt.Sprintf("%s in %s, found by %s", d.ResourceType, workspace, foundBy(d)),
		})
	}
	return alerts
}

func foundBy(d *Drift) string {
	switch d.DetectedBy {
	case DetectedByPlan:
		return "a plan"
	case DetectedByAPI:
		return "a tool"
	}
	return "a person"
}

// failedCheckAlert is the alert of the first of a streak of failed checks.
func failedCheckAlert(workspace, message string, now time.Time) Alert {
	return Alert{
		ID: uid.New(), Type: CheckFailed, Severity: plan.Warning, CreatedAt: now,
		Title:   "the check of " + workspace + " failed",
		Message: message,
	}
}

// ListAlerts is a part of the alerts, newest first.
func (s *Service) ListAlerts(ctx context.Context, p identity.Principal, f AlertFilter, r list.Range) (list.Part[Alert], error) {
	part, err := s.store.ListAlerts(ctx, p.AccountID, f, readerOf(p), r)
	for i := range part.Items {
		part.Items[i].escape()
	}
	return part, err
}

// Alert is one alert, and the head that it was read at.
func (s *Service) Alert(ctx context.Context, p identity.Principal, id uuid.UUID) (*Alert, list.Head, error) {
	alert, head, err := s.store.Alert(ctx, p.AccountID, id, readerOf(p))
	if err != nil {
		return nil, head, err
	}
	alert.escape()
	return alert, head, nil
}

// CountUnreadAlerts counts the alerts that the caller has not read.
func (s *Service) CountUnreadAlerts(ctx context.Context, p identity.Principal) (int, error) {
	return s.store.CountUnread(ctx, p.AccountID, readerOf(p))
}

// MarkAlertRead marks an alert read by the caller. One that is read already stays as it is.
func (s *Service) MarkAlertRead(ctx context.Context, p identity.Principal, id uuid.UUID) (*Alert, error) {
	var alert *Alert
	err := s.inTx(ctx, p, "alert.read", func(ctx context.Context, w *work) (err error) {
		alert, err = w.LockAlert(ctx, p.AccountID, id, readerOf(p))
		if err != nil {
			return err
		}
		alert.escape()
		if alert.IsRead {
			return nil
		}
		if _, err := w.ReadAlerts(ctx, p.AccountID, &id, readerOf(p), w.now); err != nil {
			return err
		}
		alert.IsRead, alert.ReadAt, alert.ReadBy = true, &w.now, w.email
		w.audit(ctx, event.AlertRead, nil, alert.Title, "", map[string]any{"alertId": alert.ID})
		w.alertChanged(event.AlertRead, alert, &p.UserID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alert, nil
}

// MarkAllAlertsRead marks all alerts read by the caller, and says how many were not.
func (s *Service) MarkAllAlertsRead(ctx context.Context, p identity.Principal) (int, error) {
	count := 0
	err := s.inTx(ctx, p, "alert.read_all", func(ctx context.Context, w *work) (err error) {
		if count, err = w.ReadAlerts(ctx, p.AccountID, nil, readerOf(p), w.now); err != nil {
			return err
		}
		if count > 0 {
			w.audit(ctx, event.AlertRead, nil, "all alerts", "", map[string]any{"count": count})
			w.alertsRead(nil, count, &p.UserID)
		}
		return nil
	})
	return count, err
}

// raise inserts alerts and their events.
func (w *work) raise(ctx context.Context, alerts []Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	for i := range alerts {
		alerts[i].escape()
	}
	if err := w.InsertAlerts(ctx, w.account, alerts); err != nil {
		return err
	}
	for i := range alerts {
		w.alertChanged(event.AlertCreated, &alerts[i], nil)
		w.raised = append(w.raised, alerts[i].Type)
	}
	return nil
}

// markAlertsOf settles the alerts of drifts that need no more attention. No user has read them, so they have no reader.
func (w *work) markAlertsOf(ctx context.Context, drifts []*Drift) error {
	return w.settleAlerts(ctx, drifts, nil)
}

// settleAlerts settles the alerts of drifts; by is who decided about these.
func (w *work) settleAlerts(ctx context.Context, drifts []*Drift, by *string) error {
	if len(drifts) == 0 {
		return nil
	}
	counts, err := w.SettleAlerts(ctx, w.account, ids(drifts), w.now, by)
	if err != nil {
		return err
	}
	for _, d := range drifts {
		if n := counts[d.ID]; n > 0 {
			w.alertsRead(&d.ID, n, nil)
		}
	}
	return nil
}
