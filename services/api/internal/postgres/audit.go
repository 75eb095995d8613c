package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// AuditStore is package audit's database.
type AuditStore struct{ db *pg.DB }

var _ audit.Store = (*AuditStore)(nil)

// NewAuditStore makes the store on a pool.
func NewAuditStore(db *pg.DB) *AuditStore { return &AuditStore{db} }

const auditColumns = `id, account_id, created_at, action, actor_id, actor_email, coalesce(nullif(actor_role, ''), 'system') as actor_role,
	drift_id, subject, message, trace_id, metadata`

func auditWhere(account uuid.UUID, f audit.Filter) (string, pg.Args) {
	where, args := "where account_id = @account", pg.Args{"account": account}
	if f.DriftID != nil {
		where += " and drift_id = @drift"
		args["drift"] = *f.DriftID
	}
	if f.ActorID != nil {
		where += " and actor_id = @actor"
		args["actor"] = *f.ActorID
	}
	if f.Action != "" {
		where += " and action = @action"
		args["action"] = f.Action
	}
	return where, args
}

// ListAudit implements audit.Store.
func (s *AuditStore) ListAudit(ctx context.Context, account uuid.UUID, f audit.Filter, limit, offset int) ([]audit.Row, error) {
	where, args := auditWhere(account, f)
	args["limit"], args["offset"] = limit, offset
	return pg.Collect[audit.Row](ctx, s.db, `-- SELECT audit
		select `+auditColumns+` from audit_trail `+where+` order by created_at desc, id desc limit @limit offset @offset`, args)
}

// CountAudit implements audit.Store.
func (s *AuditStore) CountAudit(ctx context.Context, account uuid.UUID, f audit.Filter) (int, error) {
	where, args := auditWhere(account, f)
	return pg.Scalar[int](ctx, s.db, "-- SELECT audit count\nselect count(*) from audit_trail "+where, args)
}

// Timeline implements audit.Store.
func (s *AuditStore) Timeline(ctx context.Context, account, id uuid.UUID) ([]audit.Row, error) {
	args := pg.Args{"account": account, "drift": id}
	type row struct{ ID uuid.UUID }
	if _, err := one[row](ctx, s.db, noDrift, "-- SELECT drift\nselect id from drift where account_id = @account and id = @drift", args); err != nil {
		return nil, err
	}
	return pg.Collect[audit.Row](ctx, s.db, `-- SELECT audit
		select `+auditColumns+` from audit where account_id = @account and drift_id = @drift order by created_at, id`, args)
}

// auditTx is a transaction in which every change writes its audit row. The transactions of the other stores are built on it.
type auditTx struct{ tx *pg.Tx }

var _ audit.Writer = auditTx{}

// InsertAudit implements audit.Writer. When a row was added and at which position is the database's to say: the service may
// not, so it can't date a row back.
func (t auditTx) InsertAudit(ctx context.Context, rows []audit.Row) error {
	metadata := make([][]byte, len(rows))
	for i, row := range rows {
		encoded, err := json.Marshal(row.Metadata)
		if err != nil {
			return fmt.Errorf("encode the metadata of %s: %w", row.Action, err)
		}
		metadata[i] = encoded
	}
	if len(rows) == 1 {
		// The case of a decision. Encoding each value as an array of one takes twice as long.
		r := rows[0]
		return t.tx.Later(ctx, `-- INSERT audit
			insert into audit (id, account_id, action, actor_id, actor_email, actor_role, drift_id, subject, message,
				trace_id, metadata)
			values (@id, @account, @action, @actor, @email, @role, @drift, @subject, @message, @trace, @metadata)`,
			pg.Args{
				"account": r.AccountID, "id": r.ID, "action": r.Action, "actor": r.ActorID,
				"email": r.ActorEmail, "role": r.ActorRole, "drift": r.DriftID, "subject": r.Subject, "message": r.Message,
				"trace": r.TraceID, "metadata": metadata[0],
			}, nil)
	}
	return t.tx.Later(ctx, `-- INSERT audit
		insert into audit (id, account_id, action, actor_id, actor_email, actor_role, drift_id, subject, message,
			trace_id, metadata)
		select id, @account, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata
		from unnest(@id::uuid[], @action::text[], @actor::uuid[], @email::text[], @role::text[],
			@drift::uuid[], @subject::text[], @message::text[], @trace::text[], @metadata::jsonb[])
		as a (id, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata)`,
		pg.Args{
			"account":  rows[0].AccountID,
			"id":       column(rows, func(r audit.Row) uuid.UUID { return r.ID }),
			"action":   column(rows, func(r audit.Row) string { return r.Action }),
			"actor":    column(rows, func(r audit.Row) *uuid.UUID { return r.ActorID }),
			"email":    column(rows, func(r audit.Row) string { return r.ActorEmail }),
			"role":     column(rows, func(r audit.Row) string { return r.ActorRole }),
			"drift":    column(rows, func(r audit.Row) *uuid.UUID { return r.DriftID }),
			"subject":  column(rows, func(r audit.Row) string { return r.Subject }),
			"message":  column(rows, func(r audit.Row) string { return r.Message }),
			"trace":    column(rows, func(r audit.Row) string { return r.TraceID }),
			"metadata": metadata,
		}, nil)
}
