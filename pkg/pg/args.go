package pg

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Args are a statement's parameters, which are @name in its text. It is pgx.NamedArgs that reads each text once:
// reading it took as long as encoding its parameters. A missing parameter is an error.
type Args map[string]any

// statement is a text with $1 for the first of its parameters, and their names in that order.
type statement struct {
	sql   string
	names []string
}

// statements are keyed by their texts, of which the code has some thousands: those of lists depend on their filters.
var (
	statements     sync.Map
	statementCount atomic.Int64
)

// maxStatements bounds the memory: a text has some kilobytes.
const maxStatements = 1000

// RewriteQuery implements pgx.QueryRewriter.
func (a Args) RewriteQuery(ctx context.Context, conn *pgx.Conn, sql string, _ []any) (string, []any, error) {
	s, err := a.statement(ctx, conn, sql)
	if err != nil {
		return "", nil, err
	}
	values := make([]any, len(s.names))
	for i, name := range s.names {
		value, ok := a[name]
		if !ok {
			return "", nil, fmt.Errorf("the statement has no value for @%s", name)
		}
		values[i] = direct(value)
	}
	return s.sql, values, nil
}

// direct is the value in a form for which pgx has an encoder. For a pointer to an id it has none: it tries the id's
// text, fails, formats an error, and starts again.
func direct(value any) any {
	switch v := value.(type) {
	case *uuid.UUID:
		if v == nil {
			return nil
		}
		return *v
	case []*uuid.UUID:
		ids := make([]pgtype.UUID, len(v))
		for i, id := range v {
			if id != nil {
				ids[i] = pgtype.UUID{Bytes: *id, Valid: true}
			}
		}
		return ids
	}
	return value
}

func (a Args) statement(ctx context.Context, conn *pgx.Conn, sql string) (*statement, error) {
	if known, ok := statements.Load(sql); ok {
		return known.(*statement), nil
	}
	// pgx puts the values in their order: with names for values, these are the names in order.
	names := make(pgx.NamedArgs, len(a))
	for name := range a {
		names[name] = name
	}
	rewritten, ordered, err := names.RewriteQuery(ctx, conn, sql, nil)
	if err != nil {
		return nil, err
	}
	s := &statement{rewritten, make([]string, len(ordered))}
	for i, name := range ordered {
		var ok bool
		if s.names[i], ok = name.(string); !ok {
			return nil, fmt.Errorf("parameter %d of the statement has no value", i+1)
		}
	}
	if statementCount.Add(1) > maxStatements {
		statements.Clear() // Those in use are back soon.
		statementCount.Store(1)
	}
	statements.Store(sql, s)
	return s, nil
}
