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
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// roleKey is the role of an API key, in the audit trail and in events.
const roleKey = "api_key"

// work is a transaction of a principal. It collects the audit rows and the events, which inTx writes in the end, so that
// the stream's counter is always the last row that is locked.
type work struct {
	Tx
	account uuid.UUID
	now     time.Time

	actorID uuid.UUID
	actor   *event.Actor // the same, as events tell
	email   *string      // nil for an API key
	role    string
	traceID *string

	rows   []AuditRow
	drafts []draft
	raised []AlertType

	publishing trace.Span // nil when there is nothing to publish
	hint       hint.Hint  // for readers, after the commit
}

// partRows is how many rows one statement takes. Several statements wait before they are sent, with their parameters: at a
// thousand rows each they were a fifth of what an upload in which everything drifts takes.
const partRows = 250

// inTx runs a use case: fn in one transaction, with its audit rows and its events, and after the commit a hint.
func (s *Service) inTx(ctx context.Context, p identity.Principal, name string, fn func(ctx context.Context, w *work) error) error {
	var w *work
	defer func() { w.end() }() // After a panic, too.
	err := s.store.InTx(ctx, name, func(ctx context.Context, tx Tx) error {
		w.end() // The attempt before this one was rolled back.
		w = newWork(ctx, p, tx)
		if err := fn(ctx, w); err != nil {
			return err
		}
		for part := range slices.Chunk(w.rows, partRows) {
			if err := tx.InsertAudit(ctx, p.AccountID, part); err != nil {
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

func newWork(ctx context.Context, p identity.Principal, tx Tx) *work {
	w := &work{Tx: tx, account: p.AccountID, now: now(), actorID: p.ID(), role: string(p.Role)}
	if p.IsKey() {
		w.role = roleKey
	}
	w.actor = &event.Actor{ID: w.actorID.String(), Role: w.role, Email: p.Email}
	if p.Email != "" {
		w.email = &p.Email
	}
	if id := telemetry.TraceID(ctx); id != "" {
		w.traceID = &id
	}
	return w
}

// locked says that what the work changes is its own now. Whoever waited for that must not write the time at which the
// waiting began: the times of a drift's changes are in the order of the changes.
func (w *work) locked() { w.now = now() }

// audit adds an audit row.
func (w *work) audit(action event.Type, drift *uuid.UUID, subject, message string, metadata map[string]any) {
	if metadata == nil {
		metadata = map[string]any{}
	}
	w.rows = append(w.rows, AuditRow{
		ID: newID(), Timestamp: event.Time(w.now), Action: string(action),
		ActorID: &w.actorID, ActorEmail: w.email, ActorRole: w.role,
		DriftID: drift, Subject: subject, Message: message, TraceID: w.traceID, Metadata: metadata,
	})
}

// record adds a drift's change: an audit row with the version that it led to, and an event.
func (w *work) record(t event.Type, d *Drift, message, reason string, metadata map[string]any) {
	all := map[string]any{"version": d.Version}
	maps.Copy(all, metadata)
	w.audit(t, &d.ID, d.ResourceID, message, all)
	w.drift(t, d, reason)
}

// raise inserts alerts and their events.
func (w *work) raise(ctx context.Context, alerts []Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	if err := w.InsertAlerts(ctx, w.account, alerts); err != nil {
		return err
	}
	for i := range alerts {
		w.alertCreated(&alerts[i])
		w.raised = append(w.raised, alerts[i].Type)
	}
	return nil
}

// settle marks the alerts of drifts read that need nobody's attention any more. Nobody has read them.
func (w *work) settle(ctx context.Context, drifts []*Drift) error {
	if len(drifts) == 0 {
		return nil
	}
	counts, err := w.ReadAlerts(ctx, w.account, AlertSelection{Drifts: ids(drifts)}, nil, w.now)
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

func ids(drifts []*Drift) []uuid.UUID {
	list := make([]uuid.UUID, len(drifts))
	for i, d := range drifts {
		list[i] = d.ID
	}
	return list
}
