package pg_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"

	"github.com/driftsentry/driftsentry/pkg/pg"
)

// TestTx_Later was seen to fail without the loop of sendWith (rows of the wrong statement), without the flush of maxLater,
// and with a commit that does not send what waits.
func TestTx_Later(t *testing.T) {
	db, tel := open(t)
	exec(t, db, "-- CREATE thing\ncreate table thing (id int primary key)")
	insert := func(ctx context.Context, tx *pg.Tx, id int, read func(pgx.Rows) error) error {
		return tx.Later(ctx, "-- INSERT thing\ninsert into thing (id) values (@id) returning id", pg.Args{"id": id}, read)
	}
	into := func(n *int) func(pgx.Rows) error {
		return func(rows pgx.Rows) (err error) {
			*n, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
			return err
		}
	}
	things := func(tx *pg.Tx) (n int, err error) {
		rows, err := tx.Query(t.Context(), "-- SELECT thing\nselect count(*)::int from thing")
		if err != nil {
			return 0, err
		}
		return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	}

	t.Run("runs before the next statement, and at the latest with the commit", func(t *testing.T) {
		tel.Reset()
		ctx, span := tel.Tracer().Start(t.Context(), "request")
		var first, second, seen int
		err := db.InTx(ctx, "add", func(ctx context.Context, tx *pg.Tx) (err error) {
			if err := insert(ctx, tx, 1, into(&first)); err != nil {
				return err
			}
			if seen, err = things(tx); err != nil {
				return err
			}
			return insert(ctx, tx, 2, into(&second))
		})
		span.End()
		if err != nil || first != 1 || seen != 1 || second != 2 || count(t, db, "select count(*)::int from thing") != 2 {
			t.Errorf("first %d, seen %d, second %d, %v", first, seen, second, err)
		}
		var names []string
		for _, s := range tel.Spans() {
			names = append(names, s.Name)
		}
		// The reading statement was given the test's context, which has no span.
		if !slices.Contains(names, "INSERT thing; COMMIT") {
			t.Errorf("spans = %q", names)
		}
		if got := attribute.NewSet(tel.Span("INSERT thing; COMMIT").Attributes...); !got.HasValue("db.query.text") {
			t.Errorf("attributes = %v", got)
		} else if rows, _ := got.Value("pgx.rows_affected"); rows.AsInt64() != 1 {
			t.Errorf("rows affected = %d", rows.AsInt64())
		}
	})
	t.Run("its error, with the commit, rolls everything back", func(t *testing.T) {
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			if _, err := tx.Exec(ctx, "insert into thing (id) values (10)"); err != nil {
				return err
			}
			return errors.Join(insert(ctx, tx, 1, nil), insert(ctx, tx, 11, nil))
		})
		if name, ok := pg.UniqueViolation(err); !ok || name != "thing_pkey" {
			t.Errorf("err = %v", err)
		}
		if count(t, db, "select count(*)::int from thing where id in (10, 11)") != 0 {
			t.Error("a row stayed")
		}
	})
	t.Run("its error, with the next statement, is that statement's", func(t *testing.T) {
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			if err := insert(ctx, tx, 1, nil); err != nil {
				return err
			}
			_, err := things(tx)
			return err
		})
		if _, ok := pg.UniqueViolation(err); !ok {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("many do not gather", func(t *testing.T) {
		early := 0
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			for id := range 50 {
				var n int
				if err := insert(ctx, tx, 100+id, into(&n)); err != nil {
					return err
				}
				if n > 0 {
					early++
				}
			}
			return nil
		})
		if err != nil || early == 0 || count(t, db, "select count(*)::int from thing where id >= 100") != 50 {
			t.Errorf("%d were sent before the commit, %v", early, err)
		}
	})
	t.Run("a transaction of nothing sends nothing", func(t *testing.T) {
		tel.Reset()
		ctx, span := tel.Tracer().Start(t.Context(), "request")
		err := db.InTx(ctx, "nothing", func(context.Context, *pg.Tx) error { return nil })
		span.End()
		if n := len(tel.Spans()); err != nil || n != 2 {
			t.Errorf("%d spans, %v", n, err)
		}
	})
}
