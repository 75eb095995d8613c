package history

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// State is the stored data of an account at the end.
type State struct {
	Head   int64
	Drifts map[string]Drift // by id
	Events []Event          // by position
	Audit  []Audit
	Checks []string // ids
}

// Drift is a drift's row.
type Drift struct {
	ID       string
	Resource string
	Status   string
	Version  int
	Reason   string // of its decision
}

// Event is an event's row.
type Event struct {
	Position int64
	ID       string
	Type     string
	Drift    string // empty unless it is a drift's
	Version  int
	Status   string
	Reason   string
}

// Audit is an audit row about a drift.
type Audit struct {
	Action  string
	Drift   string
	Version int
	Reason  string
}

// Load reads the state of the account with this name.
func Load(ctx context.Context, dsn, account string) (State, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return State{}, fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// All of one moment.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return State{}, fmt.Errorf("begin to read the state: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	s := State{Drifts: map[string]Drift{}}
	if err := tx.QueryRow(ctx, `select position from account_stream s join account a on a.id = s.account_id where a.name = $1`, account).Scan(&s.Head); err != nil {
		return State{}, fmt.Errorf("read the stream's head: %w", err)
	}
	drifts, err := all[Drift](ctx, tx, `select d.id::text, resource_id, status, version, coalesce(approval_reason, rejection_reason, '')
		from drift d join account a on a.id = d.account_id where a.name = $1`, account)
	if err != nil {
		return State{}, err
	}
	for _, d := range drifts {
		s.Drifts[d.ID] = d
	}
	if s.Events, err = all[Event](ctx, tx, `select position, e.id::text, type,
			case when type like 'drift.%' then body->'data'->>'id' else '' end, coalesce((body->'data'->>'version')::int, 0),
			coalesce(body->'data'->>'status', ''), coalesce(body->'data'->>'reason', '')
		from event e join account a on a.id = e.account_id where a.name = $1 order by position`, account); err != nil {
		return State{}, err
	}
	if s.Audit, err = all[Audit](ctx, tx, `select action, drift_id::text, coalesce((metadata->>'version')::int, 0), coalesce(metadata->>'reason', message)
		from audit r join account a on a.id = r.account_id where a.name = $1 and drift_id is not null`, account); err != nil {
		return State{}, err
	}
	rows, err := tx.Query(ctx, `select c.id::text from workspace_check c join account a on a.id = c.account_id where a.name = $1`, account)
	if err == nil {
		s.Checks, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return State{}, fmt.Errorf("read the checks: %w", err)
	}
	return s, nil
}

func all[T any](ctx context.Context, tx pgx.Tx, sql, account string) ([]T, error) {
	rows, err := tx.Query(ctx, sql, account)
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return list, nil
}
