package postgres

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
)

// ScrubStore is package scrub's database.
type ScrubStore struct{ db *pg.DB }

var _ scrub.Store = (*ScrubStore)(nil)

// NewScrubStore makes the store on a pool.
func NewScrubStore(db *pg.DB) *ScrubStore { return &ScrubStore{db} }

// rowsPerScrub bounds a transaction, so that no request waits long for its locks, and the rows that are in memory at once.
const rowsPerScrub = 100

// scrubStage is a table, and what of it may hold secrets. Both statements know the row's place by three parts of a text.
type scrubStage struct{ table, query, update string }

// scrubStages are in the order in which they are read.
var scrubStages = []scrubStage{
	{"drift", `-- SELECT drift
		select id::text as last, account_id, resource_type as type,
			array[resource_id, region, coalesce(approval_reason, ''), coalesce(rejection_reason, ''), resource_type,
				coalesce(owner, ''), coalesce(attributed_to, ''), coalesce(attribution_source, ''), coalesce(attribution_url, ''), coalesce(suppressed_reason, '')] as texts,
			array[expected_state::text, actual_state::text, difference::text] as documents, null::bytea as sealed
		from drift where id > @first::uuid order by id limit @limit for update`, `-- UPDATE drift
		update drift set resource_id = (@texts::text[])[1], region = (@texts::text[])[2],
			approval_reason = case when approval_reason is not null then (@texts::text[])[3] end,
			rejection_reason = case when rejection_reason is not null then (@texts::text[])[4] end,
			resource_type = (@texts::text[])[5],
			owner = case when owner is not null then (@texts::text[])[6] end,
			attributed_to = case when attributed_to is not null then (@texts::text[])[7] end,
			attribution_source = case when attribution_source is not null then (@texts::text[])[8] end,
			attribution_url = case when attribution_url is not null then (@texts::text[])[9] end,
			suppressed_reason = case when suppressed_reason is not null then (@texts::text[])[10] end,
			expected_state = (@documents::text[])[1]::jsonb, actual_state = (@documents::text[])[2]::jsonb, difference = (@documents::text[])[3]::jsonb, paths = null, change_group = null, path_hashes = null
		where id = @first::uuid`},
	{"alert", `-- SELECT alert
		select id::text as last, account_id, '' as type, array[title, message] as texts, '{}'::text[] as documents, null::bytea as sealed
		from alert where id > @first::uuid order by id limit @limit for update`, `-- UPDATE alert
		update alert set title = (@texts::text[])[1], message = (@texts::text[])[2] where id = @first::uuid`},
	{"event", `-- SELECT event
		select account_id::text || '|' || position as last, account_id, '' as type, '{}'::text[] as texts, array[body::text] as documents, null::bytea as sealed
		from event where (account_id, position) > (@first::uuid, coalesce(nullif(@second, ''), '0')::bigint)
		order by account_id, position limit @limit for update`, `-- UPDATE event
		update event set body = (@documents::text[])[1]::json where account_id = @first::uuid and position = @second::bigint`},
	// The id of an API key is not a secret, though the name of the field is that of one.
	{"audit", `-- SELECT audit
		select id::text as last, account_id, '' as type, array[subject, message] as texts, array[(metadata - 'apiKey')::text] as documents, null::bytea as sealed
		from audit where id > @first::uuid and action <> 'audit.redacted' order by id limit @limit`, `-- SELECT redact_audit
		select redact_audit(@first::uuid, (@texts::text[])[1], (@texts::text[])[2], (@documents::text[])[1]::jsonb || metadata_key.own)
		from (select case when metadata ? 'apiKey' then jsonb_build_object('apiKey', metadata -> 'apiKey') else '{}' end as own
			from audit where id = @first::uuid) metadata_key`},
	{"rule", `-- SELECT rule
		select id::text as last, account_id, '' as type, array[reason, coalesce(owner, '')] as texts, '{}'::text[] as documents, null::bytea as sealed
		from rule where id > @first::uuid order by id limit @limit for update`, `-- UPDATE rule
		update rule set reason = (@texts::text[])[1], owner = case when owner is not null then (@texts::text[])[2] end where id = @first::uuid`},
	{"workspace", `-- SELECT workspace
		select id::text as last, account_id, '' as type, array[coalesce(record_ref, '')] as texts, '{}'::text[] as documents, null::bytea as sealed
		from workspace where id > @first::uuid order by id limit @limit for update`, `-- UPDATE workspace
		update workspace set record_ref = case when record_ref is not null then (@texts::text[])[1] end where id = @first::uuid`},
	{"workspace_check", `-- SELECT workspace_check
		select id::text as last, account_id, '' as type, array[failure_reason, run_url, triggered_by, ref, commit_sha] as texts,
			array[answer::text, to_json(reasons)::text, left_out_entries::text] as documents, null::bytea as sealed
		from workspace_check where id > @first::uuid order by id limit @limit for update`, `-- UPDATE workspace_check
		update workspace_check set failure_reason = (@texts::text[])[1], run_url = (@texts::text[])[2],
			triggered_by = (@texts::text[])[3], ref = (@texts::text[])[4], commit_sha = (@texts::text[])[5],
			answer = (@documents::text[])[1]::json, reasons = array(select json_array_elements_text((@documents::text[])[2]::json)),
			left_out_entries = (@documents::text[])[3]::jsonb
		where id = @first::uuid`},
	{"idempotency", `-- SELECT idempotency
		select account_id || '|' || principal || '|' || key as last, account_id, '' as type, '{}'::text[] as texts, '{}'::text[] as documents, answer as sealed
		from idempotency where (account_id, principal, key) > (@first::uuid, @second, @third)
		order by account_id, principal, key limit @limit for update`, `-- UPDATE idempotency
		update idempotency set answer = @sealed where account_id = @first::uuid and principal = @second and key = @third`},
}

// scrubRow is a row of a stage.
type scrubRow struct {
	Last, Type       string
	AccountID        uuid.UUID
	Texts, Documents []string
	Sealed           []byte
}

// Claim implements scrub.Store.
func (s *ScrubStore) Claim(ctx context.Context, rules int, until time.Time, again bool) (*scrub.Progress, error) {
	type row struct {
		Stage, Last   string
		Seen, Changed int64
		Finished      bool
		Mine          bool
	}
	var p *scrub.Progress
	err := s.db.InTx(ctx, "scrub.claim", func(ctx context.Context, tx *pg.Tx) error {
		p = nil
		args := pg.Args{"rules": rules, "until": until, "again": again}
		if _, err := tx.Exec(ctx, "-- INSERT redaction\ninsert into redaction (rules) values (@rules) on conflict do nothing", args); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `-- UPDATE redaction
			update redaction set stage = '', last = '', seen = 0, changed = 0, started_at = now(), finished_at = null, claimed_until = '-infinity'
			where rules = @rules and @again and finished_at is not null`, args); err != nil {
			return err
		}
		r, err := one[row](ctx, tx, "the progress of the redaction is gone", `-- UPDATE redaction
			with before as (select * from redaction where rules = @rules for update)
			update redaction set claimed_until = case when before.claimed_until < now() and before.finished_at is null then @until else before.claimed_until end
			from before where redaction.rules = before.rules
			returning redaction.stage, redaction.last, redaction.seen, redaction.changed, redaction.finished_at is not null as finished, before.claimed_until < now() as mine`, args)
		if err == nil && (r.Mine || r.Finished) {
			p = &scrub.Progress{Rules: rules, Stage: r.Stage, Last: r.Last, Seen: r.Seen, Changed: r.Changed, Finished: r.Finished}
		}
		return err
	})
	return p, err
}

// Step implements scrub.Store.
func (s *ScrubStore) Step(ctx context.Context, p *scrub.Progress, until time.Time, mask func(*scrub.Row) bool) error {
	var next scrub.Progress
	err := s.db.InTx(ctx, "scrub.step", func(ctx context.Context, tx *pg.Tx) error {
		next = *p
		at := 0
		for i := range scrubStages {
			if scrubStages[i].table == p.Stage {
				at = i
			}
		}
		stage := scrubStages[at]
		next.Stage = stage.table
		rows, err := pg.Collect[scrubRow](ctx, tx, stage.query, scrubArgs(p.Last, pg.Args{"limit": rowsPerScrub}))
		if err != nil {
			return err
		}
		var accounts []uuid.UUID
		for i := range rows {
			changed, err := scrubOne(ctx, tx, stage.update, &rows[i], mask)
			if err != nil {
				return err
			}
			if changed {
				next.Changed++
				accounts = append(accounts, rows[i].AccountID)
			}
			next.Last = rows[i].Last
		}
		if len(accounts) > 0 {
			// What lists show has changed without an event.
			if err := exec(ctx, tx, "-- UPDATE account_stream\n"+revise("select unnest(@accounts::uuid[])"), pg.Args{"accounts": accounts}); err != nil {
				return err
			}
		}
		next.Seen += int64(len(rows))
		if len(rows) < rowsPerScrub {
			next.Last = ""
			if next.Finished = at+1 == len(scrubStages); !next.Finished {
				next.Stage = scrubStages[at+1].table
			}
		}
		_, err = tx.Exec(ctx, `-- UPDATE redaction
			update redaction set stage = @stage, last = @last, seen = @seen, changed = @changed, claimed_until = @until,
				finished_at = case when @finished then now() end
			where rules = @rules`, pg.Args{
			"rules": p.Rules, "stage": next.Stage, "last": next.Last, "seen": next.Seen, "changed": next.Changed, "until": until, "finished": next.Finished,
		})
		return err
	})
	if err == nil {
		*p = next
	}
	return err
}

// scrubOne masks one row and writes it, if that changes it.
func scrubOne(ctx context.Context, tx *pg.Tx, update string, r *scrubRow, mask func(*scrub.Row) bool) (changed bool, err error) {
	row := scrub.Row{Type: r.Type, Texts: r.Texts}
	for _, text := range r.Documents {
		row.Documents = append(row.Documents, json.RawMessage(text))
	}
	if r.Sealed != nil {
		key := strings.SplitN(r.Last, "|", 3)
		row.Kept = &scrub.Kept{Account: key[0], Principal: key[1], Key: key[2], Sealed: r.Sealed}
	}
	if !mask(&row) {
		return false, nil
	}
	for i, document := range row.Documents {
		r.Documents[i] = string(document)
	}
	args := pg.Args{"texts": row.Texts, "documents": r.Documents}
	if row.Kept != nil {
		args["sealed"] = row.Kept.Sealed
	}
	_, err = tx.Exec(ctx, update, scrubArgs(r.Last, args))
	return true, err
}

// scrubArgs adds the parts of a row's place.
func scrubArgs(last string, args pg.Args) pg.Args {
	parts := append(strings.SplitN(last, "|", 3), "", "")
	if parts[0] == "" {
		parts[0] = "00000000-0000-0000-0000-000000000000"
	}
	args["first"], args["second"], args["third"] = parts[0], parts[1], parts[2]
	return args
}
