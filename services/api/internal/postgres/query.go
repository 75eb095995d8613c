package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
)

// The helpers of all stores, beside those of package pg. They return the errors that the driver's connection has translated
// (pg.Translate). The errors that mean something to the caller of a store are made here: a missing row, and a row that exists
// already.

// one runs a query that returns one row. Without a row the error is apierror.NotFound with this message.
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

// pairs runs a query of two columns, a key and a value.
func pairs[K comparable, V any](ctx context.Context, q pg.Querier, sql string, args pg.Args) (map[K]V, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	found := make(map[K]V)
	var key K
	var value V
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		found[key] = value
		return nil
	})
	return found, err
}

// exec runs a statement whose result does not matter.
func exec(ctx context.Context, q pg.Querier, sql string, args pg.Args) error {
	_, err := q.Exec(ctx, sql, args)
	return err
}

// change runs a statement that must change a row. If it changes none, the error is apierror.NotFound with this message.
func change(ctx context.Context, q pg.Querier, missing, sql string, args pg.Args) error {
	tag, err := q.Exec(ctx, sql, args)
	if err == nil && tag.RowsAffected() == 0 {
		return apierror.New(apierror.NotFound, missing)
	}
	return err
}

// taken turns an error of this unique constraint into apierror.Conflict with this message.
func taken(err error, constraint, message string) error {
	if violated, _ := pg.UniqueViolation(err); violated == constraint {
		return apierror.Wrap(apierror.Conflict, err, message)
	}
	return err
}

// column makes a parameter of one field of each row, for unnest.
func column[R, C any](rows []R, field func(R) C) []C {
	values := make([]C, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}
