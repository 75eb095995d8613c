package drift_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// TestService_Approve_alert_read_meanwhile: a decision reports no alert as read by it that another user has read while it
// waited. Mutation: LockDrift without `for update` on the alerts.
func TestService_Approve_alert_read_meanwhile(t *testing.T) {
	w := newWorld(t)
	d := w.report("web", func(r *drift.Report) { r.Severity = plan.Critical })
	approved := make(chan error, 1)
	err := w.db.InTx(t.Context(), "read", func(ctx context.Context, tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "update alert set is_read = true where drift_id = $1", d.ID); err != nil {
			return err
		}
		go func() {
			_, err := w.service.Approve(context.WithoutCancel(ctx), w.engineer, d.ID, reason, 0)
			approved <- err
		}()
		const waiting = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
		for query[int](w, waiting) == 0 {
			select {
			case err := <-approved:
				return fmt.Errorf("it did not wait: %w", err)
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-approved; err != nil {
		t.Fatal(err)
	}
	if got, want := w.events(), []event.Type{event.DriftCreated, event.AlertCreated, event.DriftApproved}; !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
}
