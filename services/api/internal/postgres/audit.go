package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// AuditStore is package audit's database.
type AuditStore struct{ db *pg.DB }

var _ audit.Store = (*AuditStore)(nil)

// NewAuditStore makes the store on a pool.
func NewAuditStore(db *pg.DB) *AuditStore { return &AuditStore{db} }

// auditColumns are cut, the metadata silently: what we write of it is short.
var auditColumns = `id, account_id, created_at, left(action, 64) as action, actor_id, left(actor_email, 320) as actor_email,
	coalesce(nullif(left(actor_role, 32), ''), 'system') as actor_role, drift_id, left(subject, 2200) as subject,
	left(message, 2200) as message, left(trace_id, 32) as trace_id, ltrim(` + shownObject("metadata", openedShort, shownMetadata) + `, '!')::jsonb as metadata`

func auditFilter(account uuid.UUID, f audit.Filter) (string, pg.Args) {
	filter, args := "", pg.Args{"account": account}
	if f.DriftID != nil {
		filter += " and drift_id = @drift"
		args["drift"] = *f.DriftID
	}
	if f.ActorID != nil {
		filter += " and actor_id = @actor"
		args["actor"] = *f.ActorID
	}
	if f.Action != "" {
		filter += " and action = @action"
		args["action"] = f.Action
	}
	return filter, args
}

// auditRow is a row of a list.
type auditRow struct {
	audit.Row
	listed
}

// ListAudit implements audit.Store.
func (s *AuditStore) ListAudit(ctx context.Context, account uuid.UUID, f audit.Filter, r list.Range) (list.Part[audit.Row], error) {
	filter, args := auditFilter(account, f)
	return readPart(ctx, s.db, listing{name: "audit", columns: auditColumns, table: "audit_trail", alias: "audit", filter: filter}, r, args,
		func(row auditRow) (audit.Row, listed) { return row.Row, row.listed })
}

// Timeline implements audit.Store.
func (s *AuditStore) Timeline(ctx context.Context, account, id uuid.UUID, before *uuid.UUID, limit int) (rows []audit.Row, more bool, err error) {
	args := pg.Args{"account": account, "drift": id, "limit": limit + 1}
	type row struct{ ID uuid.UUID }
	if _, err := one[row](ctx, s.db, noDrift, "-- SELECT drift\nselect id from drift where account_id = @account and id = @drift", args); err != nil {
		return nil, false, err
	}
	earlier := ""
	if before != nil {
		earlier = " and (created_at, id) < (select created_at, id from audit where account_id = @account and drift_id = @drift and id = @before)"
		args["before"] = *before
	}
	rows, err = pg.Collect[audit.Row](ctx, s.db, `-- SELECT audit
		select `+auditColumns+` from audit where account_id = @account and drift_id = @drift`+earlier+`
		order by created_at desc, id desc limit @limit`, args)
	more = len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	slices.Reverse(rows)
	return rows, more, err
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
