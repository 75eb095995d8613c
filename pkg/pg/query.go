package pg

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Collect runs a query whose columns have the names of T's fields. Its errors are translated, as those of all statements.
func Collect[T any](ctx context.Context, q Querier, sql string, args Args) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// Scalar runs a query that returns one row of one column.
func Scalar[T any](ctx context.Context, q Querier, sql string, args Args) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return *new(T), err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}

// Scalars runs a query of one column.
func Scalars[T any](ctx context.Context, q Querier, sql string, args Args) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
