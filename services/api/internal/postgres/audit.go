package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

const auditColumns = `id, created_at as timestamp, action, actor_id, nullif(actor_email, '') as actor_email,
	coalesce(nullif(actor_role, ''), 'system') as actor_role, drift_id, subject, message, nullif(trace_id, '') as trace_id, metadata`

func auditWhere(account uuid.UUID, f drift.AuditFilter) (string, pg.Args) {
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

// ListAudit implements drift.Records.
func (s *DriftStore) ListAudit(ctx context.Context, account uuid.UUID, f drift.AuditFilter, p drift.Page) ([]drift.AuditRow, error) {
	where, args := auditWhere(account, f)
	args["limit"], args["offset"] = p.Size, p.Offset()
	return collect[drift.AuditRow](ctx, s.db, `-- SELECT audit
		select `+auditColumns+` from audit `+where+` order by created_at desc, id desc limit @limit offset @offset`, args)
}

// CountAudit implements drift.Records.
func (s *DriftStore) CountAudit(ctx context.Context, account uuid.UUID, f drift.AuditFilter) (int, error) {
	where, args := auditWhere(account, f)
	return scalar[int](ctx, s.db, "-- SELECT audit count\nselect count(*) from audit "+where, args)
}

// Timeline implements drift.Records.
func (s *DriftStore) Timeline(ctx context.Context, account, id uuid.UUID) ([]drift.AuditRow, error) {
	args := pg.Args{"account": account, "drift": id}
	type row struct{ ID uuid.UUID }
	if _, err := one[row](ctx, s.db, noDrift, "-- SELECT drift\nselect id from drift where account_id = @account and id = @drift", args); err != nil {
		return nil, err
	}
	return collect[drift.AuditRow](ctx, s.db, `-- SELECT audit
		select `+auditColumns+` from audit where account_id = @account and drift_id = @drift order by created_at, id`, args)
}

// InsertAudit implements drift.Tx.
func (t driftTx) InsertAudit(ctx context.Context, account uuid.UUID, rows []drift.AuditRow) error {
	metadata := make([][]byte, len(rows))
	for i, row := range rows {
		encoded, err := json.Marshal(row.Metadata)
		if err != nil {
			return fmt.Errorf("encode the metadata of %s: %w", row.Action, err)
		}
		metadata[i] = encoded
	}
	if len(rows) == 1 {
		// What a decision does. To encode each value as an array of one takes twice as long.
		r := rows[0]
		return t.tx.Later(ctx, `-- INSERT audit
			insert into audit (id, account_id, created_at, action, actor_id, actor_email, actor_role, drift_id, subject, message,
				trace_id, metadata)
			values (@id, @account, @at, @action, @actor, coalesce(@email, ''), @role, @drift, @subject, @message,
				coalesce(@trace, ''), @metadata)`,
			pg.Args{
				"account": account, "id": r.ID, "at": time.Time(r.Timestamp), "action": r.Action, "actor": r.ActorID,
				"email": r.ActorEmail, "role": r.ActorRole, "drift": r.DriftID, "subject": r.Subject, "message": r.Message,
				"trace": r.TraceID, "metadata": metadata[0],
			}, nil)
	}
	return t.tx.Later(ctx, `-- INSERT audit
		insert into audit (id, account_id, created_at, action, actor_id, actor_email, actor_role, drift_id, subject, message,
			trace_id, metadata)
		select id, @account, created_at, action, actor_id, coalesce(actor_email, ''), actor_role, drift_id, subject, message,
			coalesce(trace_id, ''), metadata
		from unnest(@id::uuid[], @at::timestamptz[], @action::text[], @actor::uuid[], @email::text[], @role::text[],
			@drift::uuid[], @subject::text[], @message::text[], @trace::text[], @metadata::jsonb[])
		as a (id, created_at, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata)`,
		pg.Args{
			"account":  account,
			"id":       column(rows, func(r drift.AuditRow) uuid.UUID { return r.ID }),
			"at":       column(rows, func(r drift.AuditRow) time.Time { return time.Time(r.Timestamp) }),
			"action":   column(rows, func(r drift.AuditRow) string { return r.Action }),
			"actor":    column(rows, func(r drift.AuditRow) *uuid.UUID { return r.ActorID }),
			"email":    column(rows, func(r drift.AuditRow) *string { return r.ActorEmail }),
			"role":     column(rows, func(r drift.AuditRow) string { return r.ActorRole }),
			"drift":    column(rows, func(r drift.AuditRow) *uuid.UUID { return r.DriftID }),
			"subject":  column(rows, func(r drift.AuditRow) string { return r.Subject }),
			"message":  column(rows, func(r drift.AuditRow) string { return r.Message }),
			"trace":    column(rows, func(r drift.AuditRow) *string { return r.TraceID }),
			"metadata": metadata,
		}, nil)
}
