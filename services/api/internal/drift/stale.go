package drift

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// StaleWorkspace is a workspace whose checks stopped coming, or come again.
type StaleWorkspace struct {
	ID           uuid.UUID
	Name         string
	Owner        *string
	LastCheckAt  time.Time
	StaleAlertID *uuid.UUID // nil unless they come again
}

// StaleTx notes workspaces whose checks stopped coming.
type StaleTx interface {
	// LockStale are at most limit of an account's workspaces as TimedReader.StaleAccounts has them, in the order of their ids.
	LockStale(ctx context.Context, account uuid.UUID, staleBefore time.Time, limit int) ([]StaleWorkspace, error)
	// SaveStale gives workspaces their alert; nil is none.
	SaveStale(ctx context.Context, account uuid.UUID, workspaces []uuid.UUID, alert *uuid.UUID) error
	// SettleStale marks an alert as read by all, when no workspace has it any more, and says whether it was unread.
	SettleStale(ctx context.Context, account, alert uuid.UUID, at time.Time) (bool, error)
}

// noticeStale tells once of each workspace that had no check for too long, and settles the alerts of those that have one again:
// also where a setting has changed, or a replica of an earlier version has taken the plan.
func (s *Service) noticeStale(ctx context.Context, before time.Time) error {
	accounts, err := s.store.StaleAccounts(ctx, before)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := s.timed(ctx, account, "workspace.stale", func(ctx context.Context, w *work) (int, error) {
			found, err := w.LockStale(ctx, account, before, timerBatch)
			if err != nil {
				return 0, err
			}
			w.locked()
			var stale []StaleWorkspace
			for _, ws := range found {
				if ws.StaleAlertID == nil {
					stale = append(stale, ws)
				} else if err := w.SaveStale(ctx, account, []uuid.UUID{ws.ID}, nil); err != nil {
					return 0, err
				} else if err := w.checksCome(ctx, *ws.StaleAlertID, ws.Name); err != nil {
					return 0, err
				}
			}
			if len(stale) > 0 {
				s.log.LogAttrs(ctx, slog.LevelWarn, "workspaces are stale", slog.Int("count", len(stale)))
			}
			return len(found), w.tellStale(ctx, stale)
		}); err != nil {
			return err
		}
	}
	return nil
}

// tellStale raises an alert for each workspace, or one for all when they are many, as when all of CI stands still.
func (w *work) tellStale(ctx context.Context, stale []StaleWorkspace) error {
	var alerts []Alert
	save := func(title, message string, workspaces []StaleWorkspace) error {
		a := Alert{ID: uid.New(), Type: WorkspaceStale, Severity: plan.Warning, CreatedAt: w.now, Title: title, Message: message}
		alerts = append(alerts, a)
		ids := make([]uuid.UUID, len(workspaces))
		for i, ws := range workspaces {
			ids[i] = ws.ID
		}
		return w.SaveStale(ctx, w.account, ids, &a.ID)
	}
	if len(stale) > maxAlerts {
		title := fmt.Sprintf("no checks of %d workspaces", len(stale))
		if err := save(title, "no plan and no failure came for too long; what has drifted there is unknown", stale); err != nil {
			return err
		}
	} else {
		for i, ws := range stale {
			message := fmt.Sprintf("the last one was at %s; what has drifted since is unknown", ws.LastCheckAt.UTC().Format(time.RFC3339))
			if err := save("no checks of "+ws.Name, message, stale[i:i+1]); err != nil {
				return err
			}
		}
	}
	for _, ws := range stale {
		w.audit(ctx, event.WorkspaceStale, nil, ws.Name, "no check came for too long", map[string]any{"lastCheckAt": ws.LastCheckAt.UTC()})
		w.drafts = append(w.drafts, event.Draft{Type: event.WorkspaceStale, Subject: ws.ID, Topics: []string{event.TopicChecks}, Data: event.WorkspaceStaleData{
			ID: ws.ID, Name: ws.Name, Owner: ws.Owner, LastCheckAt: event.Time(ws.LastCheckAt),
		}})
	}
	return w.raise(ctx, alerts)
}

// checksCome settles the alert of a workspace that has none any more.
func (w *work) checksCome(ctx context.Context, alert uuid.UUID, workspace string) error {
	settled, err := w.SettleStale(ctx, w.account, alert, w.now)
	if err == nil && settled {
		w.alertChanged(event.AlertRead, &Alert{
			ID: alert, Type: WorkspaceStale, Severity: plan.Warning, Title: "checks of " + workspace + " come again", IsRead: true,
		}, nil)
	}
	return err
}

// saveChecked writes a workspace that has just had a check, and settles the alert that there was none.
func (w *work) saveChecked(ctx context.Context, workspace *WorkspaceState, name string) error {
	alert := workspace.StaleAlertID
	workspace.StaleAlertID = nil
	if err := w.SaveWorkspace(ctx, workspace); err != nil || alert == nil {
		return err
	}
	return w.checksCome(ctx, *alert, name)
}
