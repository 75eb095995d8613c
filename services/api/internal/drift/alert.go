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
)

// AlertTypes are all types.
var AlertTypes = []AlertType{DriftDetected, ApprovalNeeded, RemediationFailed, CheckFailed}

// Alert is something that people should look at.
type Alert struct {
	ID        uuid.UUID
	DriftID   *uuid.UUID // nil when it is not about one drift
	Type      AlertType
	Severity  Severity
	Title     string
	Message   string
	IsRead    bool // by any user of the account
	ReadAt    *time.Time
	ReadBy    *string // nil when no user has read it: it is unread, or the system marked it
	CreatedAt time.Time
}

// escape makes the alert fit to be shown: it names what strangers gave, and an earlier version stored it as it came.
func (a *Alert) escape() {
	a.Title, a.Message = legible.EscapeLine(a.Title), legible.EscapeText(a.Message)
}

// AlertReader reads alerts.
type AlertReader interface {
	ListAlerts(ctx context.Context, account uuid.UUID, f AlertFilter, p Page) ([]Alert, error)
	CountAlerts(ctx context.Context, account uuid.UUID, f AlertFilter) (int, error)
}

// AlertTx changes alerts.
type AlertTx interface {
	// LockAlert is one alert; apierror.NotFound when there is none.
	LockAlert(ctx context.Context, account, id uuid.UUID) (*Alert, error)
	InsertAlerts(ctx context.Context, account uuid.UUID, alerts []Alert) error
	// MarkAlertsRead marks the unread ones of the selected alerts, and counts them by drift; those without a drift count under
	// the zero id.
	MarkAlertsRead(ctx context.Context, account uuid.UUID, which AlertSelection, by *string, at time.Time) (map[uuid.UUID]int, error)
}

// AlertFilter says which alerts; an empty field does not matter.
type AlertFilter struct {
	DriftID  *uuid.UUID
	IsRead   *bool
	Severity Severity
	Type     AlertType
}

// AlertSelection says which alerts are marked read: those of these drifts, one of them, or all of the account.
type AlertSelection struct {
	Drifts []uuid.UUID
	ID     *uuid.UUID
	All    bool
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

// ListAlerts is a page of alerts, newest first, and how many there are.
func (s *Service) ListAlerts(ctx context.Context, p identity.Principal, f AlertFilter, page Page) ([]Alert, int, error) {
	total, err := s.store.CountAlerts(ctx, p.AccountID, f)
	if err != nil {
		return nil, 0, err
	}
	alerts, err := s.store.ListAlerts(ctx, p.AccountID, f, page)
	for i := range alerts {
		alerts[i].escape()
	}
	return alerts, total, err
}

// CountUnreadAlerts counts the account's unread alerts.
func (s *Service) CountUnreadAlerts(ctx context.Context, p identity.Principal) (int, error) {
	unread := false
	return s.store.CountAlerts(ctx, p.AccountID, AlertFilter{IsRead: &unread})
}

// MarkAlertRead marks an alert read. One that is read already stays as it is.
func (s *Service) MarkAlertRead(ctx context.Context, p identity.Principal, id uuid.UUID) (*Alert, error) {
	var alert *Alert
	err := s.inTx(ctx, p, "alert.read", func(ctx context.Context, w *work) (err error) {
		alert, err = w.LockAlert(ctx, p.AccountID, id)
		if err != nil {
			return err
		}
		alert.escape()
		if alert.IsRead {
			return nil
		}
		if _, err := w.MarkAlertsRead(ctx, p.AccountID, AlertSelection{ID: &id}, w.email, w.now); err != nil {
			return err
		}
		alert.IsRead, alert.ReadAt, alert.ReadBy = true, &w.now, w.email
		w.audit(ctx, event.AlertRead, nil, alert.Title, "", map[string]any{"alertId": alert.ID})
		w.alertChanged(event.AlertRead, alert)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alert, nil
}

// MarkAllAlertsRead marks all alerts of the account read, and says how many were not.
func (s *Service) MarkAllAlertsRead(ctx context.Context, p identity.Principal) (int, error) {
	count := 0
	err := s.inTx(ctx, p, "alert.read_all", func(ctx context.Context, w *work) error {
		counts, err := w.MarkAlertsRead(ctx, p.AccountID, AlertSelection{All: true}, w.email, w.now)
		if err != nil {
			return err
		}
		count = 0
		for _, n := range counts {
			count += n
		}
		if count > 0 {
			w.audit(ctx, event.AlertRead, nil, "all alerts", "", map[string]any{"count": count})
			w.alertsRead(nil, count)
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
		w.alertChanged(event.AlertCreated, &alerts[i])
		w.raised = append(w.raised, alerts[i].Type)
	}
	return nil
}

// markAlertsOf marks the alerts of drifts that need no more attention. No user has read them, so they have no reader.
func (w *work) markAlertsOf(ctx context.Context, drifts []*Drift) error {
	if len(drifts) == 0 {
		return nil
	}
	counts, err := w.MarkAlertsRead(ctx, w.account, AlertSelection{Drifts: ids(drifts)}, nil, w.now)
	if err != nil {
		return err
	}
	for _, d := range drifts {
		if n := counts[d.ID]; n > 0 {
			w.alertsRead(&d.ID, n)
		}
	}
	return nil
}
