package drift

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
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
	ID        uuid.UUID   `json:"id"`
	DriftID   *uuid.UUID  `json:"driftId"` // nil when it is not about one drift
	Type      AlertType   `json:"type"`
	Severity  Severity    `json:"severity"`
	Title     string      `json:"title"`
	Message   string      `json:"message"`
	IsRead    bool        `json:"isRead"` // by anybody of the account
	ReadAt    *event.Time `json:"readAt"`
	ReadBy    *string     `json:"readBy"`
	CreatedAt event.Time  `json:"createdAt"`
}

// AlertFilter says which alerts; what is empty does not matter.
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
			ID: newID(), Type: DriftDetected, Severity: plan.Critical, CreatedAt: event.Time(now),
			Title:   fmt.Sprintf("%d critical drifts in %s", len(critical), workspace),
			Message: "one check found them; filter the drifts by workspace and severity to see all",
		}}
	}
	alerts := make([]Alert, 0, len(critical))
	for _, d := range critical {
		alerts = append(alerts, Alert{
			ID: newID(), DriftID: &d.ID, Type: DriftDetected, Severity: plan.Critical, CreatedAt: event.Time(now),
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

// failedCheckAlert is the alert of a plan that errored.
func failedCheckAlert(workspace string, now time.Time) Alert {
	return Alert{
		ID: newID(), Type: CheckFailed, Severity: plan.Warning, CreatedAt: event.Time(now),
		Title:   "the check of " + workspace + " failed",
		Message: "the plan says that it errored, so it is unknown what drifted",
	}
}

// ListAlerts is a page of alerts, newest first, and how many there are.
func (s *Service) ListAlerts(ctx context.Context, p identity.Principal, f AlertFilter, page Page) ([]Alert, int, error) {
	total, err := s.store.CountAlerts(ctx, p.AccountID, f)
	if err != nil {
		return nil, 0, err
	}
	alerts, err := s.store.ListAlerts(ctx, p.AccountID, f, page)
	return alerts, total, err
}

// CountUnreadAlerts counts the account's unread alerts.
func (s *Service) CountUnreadAlerts(ctx context.Context, p identity.Principal) (int, error) {
	unread := false
	return s.store.CountAlerts(ctx, p.AccountID, AlertFilter{IsRead: &unread})
}

// ReadAlert marks an alert read. One that is read already stays as it is.
func (s *Service) ReadAlert(ctx context.Context, p identity.Principal, id uuid.UUID) (*Alert, error) {
	var alert *Alert
	err := s.inTx(ctx, p, "alert.read", func(ctx context.Context, w *work) (err error) {
		alert, err = w.LockAlert(ctx, p.AccountID, id)
		if err != nil || alert.IsRead {
			return err
		}
		if _, err := w.ReadAlerts(ctx, p.AccountID, AlertSelection{ID: &id}, w.email, w.now); err != nil {
			return err
		}
		readAt := event.Time(w.now)
		alert.IsRead, alert.ReadAt, alert.ReadBy = true, &readAt, w.email
		w.audit(event.AlertRead, nil, alert.Title, "", map[string]any{"alertId": alert.ID})
		w.alertRead(alert)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return alert, nil
}

// ReadAllAlerts marks all alerts of the account read, and says how many were not.
func (s *Service) ReadAllAlerts(ctx context.Context, p identity.Principal) (int, error) {
	count := 0
	err := s.inTx(ctx, p, "alert.read_all", func(ctx context.Context, w *work) error {
		counts, err := w.ReadAlerts(ctx, p.AccountID, AlertSelection{All: true}, w.email, w.now)
		if err != nil {
			return err
		}
		count = 0
		for _, n := range counts {
			count += n
		}
		if count > 0 {
			w.audit(event.AlertRead, nil, "all alerts", "", map[string]any{"count": count})
			w.alertsRead(nil, count)
		}
		return nil
	})
	return count, err
}
