package drift

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// work is a transaction of a principal. It collects the audit rows and the events, which inTx writes in the end, so that
// the stream's counter is always the last row that is locked.
type work struct {
	Tx
	account uuid.UUID
	now     time.Time

	by    audit.Actor
	actor *event.Actor // the same, as events tell; nil for the system
	email *string      // nil for an API key and the system

	rows   []audit.Row
	drafts []event.Draft
	raised []AlertType

	publishing trace.Span // nil when there is nothing to publish
	hint       hint.Hint  // for readers, after the commit
}

// partRows is how many rows one statement takes. Statements are buffered with their parameters before they are sent. At 1,000 rows
// each, buffered parameters took a fifth of the memory of a large upload.
const partRows = 250

// inTx runs a use case: fn in one transaction, with its audit rows and its events, and after the commit a hint.
func (s *Service) inTx(ctx context.Context, p identity.Principal, name string, fn func(ctx context.Context, w *work) error) error {
	var w *work
	defer func() { w.end() }() // After a panic, too.
	err := s.store.InTx(ctx, name, func(ctx context.Context, tx Tx) error {
		w.end() // The attempt before this one was rolled back.
		w = newWork(p, tx)
		if err := fn(ctx, w); err != nil {
			return err
		}
		for part := range slices.Chunk(w.rows, partRows) {
			if err := tx.InsertAudit(ctx, part); err != nil {
				return err
			}
		}
		if len(w.drafts) > 0 {
			return s.publish(ctx, w)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if w.publishing != nil {
		w.publishing.SetAttributes(attribute.Int64("driftsentry.stream.position", w.hint.Position))
		s.hints.Announce(w.hint)
	}
	s.instruments.committed(ctx, w)
	return nil
}

func newWork(p identity.Principal, tx Tx) *work {
	w := &work{Tx: tx, account: p.AccountID, now: now(), by: p.Actor()}
	if !p.IsSystem() {
		w.actor = &event.Actor{ID: w.by.ID.String(), Role: w.by.Role, Email: w.by.Email}
	}
	if p.Email != "" {
		w.email = &p.Email
	}
	return w
}

// actsAs says who acts, where that is not the principal as it was remembered.
func (w *work) actsAs(by audit.Actor) {
	w.by, w.actor, w.email = by, nil, nil
	if by.ID != nil {
		w.actor = &event.Actor{ID: by.ID.String(), Role: by.Role, Email: by.Email}
	}
	if by.Email != "" {
		w.email = &by.Email
	}
}

// locked is called after the locks are held: it restarts the clock. The times of a drift's changes are in the order of the
// changes, so waiting for a lock must not count.
func (w *work) locked() { w.now = now() }

// audit adds an audit row, about one drift unless drift is nil.
func (w *work) audit(ctx context.Context, action event.Type, drift *uuid.UUID, subject, message string, metadata map[string]any) {
	row := audit.New(ctx, w.account, w.by, string(action), subject, message, metadata)
	row.DriftID = drift
	w.rows = append(w.rows, row)
}

// record adds a drift's change: an audit row with the version that it led to, and an event.
func (w *work) record(ctx context.Context, t event.Type, d *Drift, message, reason string, metadata map[string]any) {
	all := map[string]any{"version": d.Version}
	maps.Copy(all, metadata)
	w.audit(ctx, t, &d.ID, d.ResourceID, message, all)
	w.driftChanged(t, d, reason, "")
}
