package postgres

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// DriftStore is package drift's database.
type DriftStore struct{ db *pg.DB }

// NewDriftStore makes the store on a pool.
func NewDriftStore(db *pg.DB) *DriftStore { return &DriftStore{db} }

var _ drift.Store = (*DriftStore)(nil)

// InTx implements drift.Store.
func (s *DriftStore) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx drift.Tx) error) error {
	return s.db.InTx(ctx, name, func(ctx context.Context, tx *pg.Tx) error { return fn(ctx, driftTx{tx}) })
}

// driftTx is a transaction of the store.
type driftTx struct{ tx *pg.Tx }

var _ drift.Tx = driftTx{}

// collect runs a query whose columns have the names of T's fields.
func collect[T any](ctx context.Context, q pg.Querier, sql string, args pg.Args) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// one runs a query that gives one row. None is apierror.NotFound with this message.
func one[T any](ctx context.Context, q pg.Querier, missing, sql string, args pg.Args) (*T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierror.New(apierror.NotFound, missing)
	}
	return row, err
}

// scalar runs a query that gives one row of one column.
func scalar[T any](ctx context.Context, q pg.Querier, sql string, args pg.Args) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return *new(T), err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}

// column makes a parameter of one field of each row, for unnest.
func column[R, C any](rows []R, field func(R) C) []C {
	values := make([]C, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}

// counts collects rows of a key and a number.
func counts[K ~string](ctx context.Context, q pg.Querier, sql string, args pg.Args) (map[K]int, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	found := make(map[K]int)
	var key K
	var n int
	_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error {
		found[key] = n
		return nil
	})
	return found, err
}

func driftID(d *drift.Drift) uuid.UUID { return d.ID }
