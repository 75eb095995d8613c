package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// SealStore is the database of the audit trail's seals.
type SealStore struct{ db *pg.DB }

var _ audit.SealStore = (*SealStore)(nil)

// NewSealStore makes the store on a pool.
func NewSealStore(db *pg.DB) *SealStore { return &SealStore{db} }

const (
	// rowsPerSeal bounds a transaction, and what is in memory.
	rowsPerSeal = 1000
	// sealsPerTrim bounds the rows that one transaction removes.
	sealsPerTrim = 20
	// sealLock is the advisory lock of the one who adds seals; the number is arbitrary. No decision takes it.
	sealLock = 0x6472_6966_7473_6561
)

const sealedColumns = `position, id, account_id, created_at, action, actor_id::text, actor_email, actor_role, drift_id::text, subject, message,
	trace_id, metadata::text`

const sealColumns = `number, kind, to_position as position, to_id as id, count, newest_at, sealed_at, previous, leaves, hash`

// Mark implements audit.SealStore. The id of its own transaction comes after the position, and a row has its transaction's id
// before it has a position: so who has a lower position has a lower id.
func (s *SealStore) Mark(ctx context.Context) (m audit.Mark, err error) {
	err = s.db.InTx(ctx, "audit.mark", func(ctx context.Context, tx *pg.Tx) error {
		if m.Position, err = pg.Scalar[int64](ctx, tx, `-- SELECT audit_position_seq
			select case when is_called then last_value else 0 end from audit_position_seq`, nil); err != nil {
			return err
		}
		m.Transaction, err = pg.Scalar[int64](ctx, tx, "-- SELECT transaction\nselect pg_current_xact_id()::text::bigint", nil)
		return err
	})
	return m, err
}

// Settled implements audit.SealStore.
func (s *SealStore) Settled(ctx context.Context, m audit.Mark) (bool, error) {
	return pg.Scalar[bool](ctx, s.db, `-- SELECT snapshot
		select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= @transaction`, pg.Args{"transaction": m.Transaction})
}

// Seal implements audit.SealStore.
func (s *SealStore) Seal(ctx context.Context, upTo int64) (made *audit.Seal, err error) {
	err = s.db.InTx(ctx, "audit.seal", func(ctx context.Context, tx *pg.Tx) error {
		made = nil
		if mine, err := pg.Scalar[bool](ctx, tx, "-- LOCK seals\nselect pg_try_advisory_xact_lock(@lock)", pg.Args{"lock": int64(sealLock)}); err != nil || !mine {
			return err
		}
		last, end, err := lastSeals(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := sealRows(ctx, tx, end, audit.End{Position: upTo, ID: uuid.Max}, rowsPerSeal)
		if err != nil || len(rows) == 0 {
			return err
		}
		made = audit.Next(last, rows, time.Now())
		return insertSeal(ctx, tx, made)
	})
	return made, err
}

// lastSeals are the newest seal, and the end of the rows that are sealed. Without a seal both are zero.
func lastSeals(ctx context.Context, tx *pg.Tx) (last *audit.Seal, end audit.End, err error) {
	newest, err := pg.Collect[audit.Seal](ctx, tx, "-- SELECT audit_seal\nselect "+sealColumns+" from audit_seal order by number desc limit 1", nil)
	if err != nil || len(newest) == 0 {
		return &audit.Seal{}, end, err
	}
	ends, err := pg.Collect[audit.End](ctx, tx, `-- SELECT audit_seal
		select to_position as position, to_id as id from audit_seal where kind = 'rows' order by number desc limit 1`, nil)
	if len(ends) > 0 {
		end = ends[0]
	}
	return &newest[0], end, err
}

func sealRows(ctx context.Context, q pg.Querier, from, to audit.End, limit int) ([]audit.Sealed, error) {
	return pg.Collect[audit.Sealed](ctx, q, `-- SELECT audit
		select `+sealedColumns+` from audit
		where (position, id) > (@from_position::bigint, @from_id::uuid) and (position, id) <= (@to_position::bigint, @to_id::uuid)
		order by position, id limit @limit`, pg.Args{
		"from_position": from.Position, "from_id": from.ID, "to_position": to.Position, "to_id": to.ID, "limit": limit,
	})
}

func insertSeal(ctx context.Context, tx *pg.Tx, s *audit.Seal) error {
	return exec(ctx, tx, `-- INSERT audit_seal
		insert into audit_seal (number, kind, to_position, to_id, count, newest_at, sealed_at, previous, leaves, hash)
		values (@number, @kind, @position, @id, @count, @newest, @sealed, @previous, @leaves, @hash)`, pg.Args{
		"number": s.Number, "kind": s.Kind, "position": s.Position, "id": s.ID, "count": s.Count, "newest": s.NewestAt, "sealed": s.SealedAt,
		"previous": notNil(s.Previous), "leaves": notNil(s.Leaves), "hash": s.Hash,
	})
}

// notNil is b, or what is empty and not null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Trim removes the oldest rows whose seals have none from before or after that time, some seals at a time, and adds a seal that
// says so. It returns that seal, nil when nothing is left to remove. Only the owner may.
func (s *SealStore) Trim(ctx context.Context, before time.Time) (made *audit.Seal, err error) {
	err = s.db.InTx(ctx, "audit.trim", func(ctx context.Context, tx *pg.Tx) error {
		made = nil
		if err := exec(ctx, tx, "-- LOCK seals\nselect pg_advisory_xact_lock(@lock)", pg.Args{"lock": int64(sealLock)}); err != nil {
			return err
		}
		last, _, err := lastSeals(ctx, tx)
		if err != nil {
			return err
		}
		old, err := pg.Collect[audit.Seal](ctx, tx, `-- SELECT audit_seal
			select `+sealColumns+` from audit_seal where kind = 'rows'
				and number > (select coalesce(max(r.number), 0) from audit_seal r join audit_seal removed
					on removed.kind = 'removed' and (r.to_position, r.to_id) = (removed.to_position, removed.to_id) where r.kind = 'rows')
				and number < (select coalesce(min(number), 9223372036854775807) from audit_seal where kind = 'rows' and newest_at >= @before)
			order by number limit @limit`, pg.Args{"before": before, "limit": sealsPerTrim})
		if err != nil || len(old) == 0 {
			return err
		}
		end := &old[len(old)-1]
		rows, err := pg.Scalar[int](ctx, tx, "-- SELECT trim_audit\nselect trim_audit(@position, @id)::int", pg.Args{"position": end.Position, "id": end.ID})
		if err != nil {
			return err
		}
		made = audit.Removed(last, end, rows, time.Now())
		return insertSeal(ctx, tx, made)
	})
	return made, err
}

// Read gives fn a view of the trail and its seals as they are at one moment.
func (s *SealStore) Read(ctx context.Context, fn func(audit.Reader) error) error {
	return s.db.InTx(ctx, "audit.verify", func(ctx context.Context, tx *pg.Tx) error {
		if err := exec(ctx, tx, "-- SET\nset transaction isolation level repeatable read, read only", nil); err != nil {
			return err
		}
		return fn(sealReader{tx})
	})
}

type sealReader struct{ tx *pg.Tx }

// Seals implements audit.Reader.
func (r sealReader) Seals(ctx context.Context, after int64, limit int) ([]audit.Seal, error) {
	return pg.Collect[audit.Seal](ctx, r.tx, "-- SELECT audit_seal\nselect "+sealColumns+" from audit_seal where number > @after order by number limit @limit",
		pg.Args{"after": after, "limit": limit})
}

// Removed implements audit.Reader.
func (r sealReader) Removed(ctx context.Context) (audit.End, error) {
	ends, err := pg.Collect[audit.End](ctx, r.tx, `-- SELECT audit_seal
		select to_position as position, to_id as id from audit_seal where kind = 'removed' order by number desc limit 1`, nil)
	if err != nil || len(ends) == 0 {
		return audit.End{}, err
	}
	return ends[0], nil
}

// Rows implements audit.Reader.
func (r sealReader) Rows(ctx context.Context, from, to audit.End, limit int) ([]audit.Sealed, error) {
	return sealRows(ctx, r.tx, from, to, limit)
}

// Redactions implements audit.Reader.
func (r sealReader) Redactions(ctx context.Context) ([]audit.Redaction, error) {
	return pg.Collect[audit.Redaction](ctx, r.tx, `-- SELECT audit
		select subject as row, coalesce(metadata->>'was', '') as was, coalesce(metadata->>'is', '') as is from audit where action = 'audit.redacted'`, nil)
}

// Left implements audit.Reader.
func (r sealReader) Left(ctx context.Context, to audit.End) (int64, error) {
	return pg.Scalar[int64](ctx, r.tx, "-- SELECT audit count\nselect count(*) from audit where (position, id) <= (@position::bigint, @id::uuid)",
		pg.Args{"position": to.Position, "id": to.ID})
}

// Unsealed implements audit.Reader.
func (r sealReader) Unsealed(ctx context.Context, from audit.End) (audit.Unsealed, error) {
	counts, err := pg.Collect[audit.Unsealed](ctx, r.tx, `-- SELECT audit count
		with given as (select case when is_called then last_value else 0 end as position from audit_position_seq)
		select count(a.id) as rows, count(*) filter (where a.position > given.position) as invented,
			count(*) filter (where a.created_at < now() - @within::interval) as overdue,
			count(*) filter (where a.created_at > now() + @within::interval) as ahead, given.position as given
		from given left join audit a on (a.position, a.id) > (@position::bigint, @id::uuid) group by given.position`,
		pg.Args{"position": from.Position, "id": from.ID, "within": audit.SealsWithin})
	if err != nil {
		return audit.Unsealed{}, err
	}
	return counts[0], nil
}
