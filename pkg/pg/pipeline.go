package pg

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Tx is a transaction that saves round trips: its BEGIN travels with its first statement, and what is to run Later with
// the next one, or with the COMMIT. A lock that a late statement takes is held for no round trip at all, which is what
// the decisions of an account wait for: they all take its stream's next position.
type Tx struct {
	conn    *pgx.Conn
	waiting *pgx.Batch // nil when nothing waits
}

// maxLater is how many statements may wait, for their parameters take memory.
const maxLater = 8

var _ Querier = (*Tx)(nil)

func newTx(conn *pgx.Conn) *Tx {
	t := &Tx{conn: conn, waiting: new(pgx.Batch)}
	t.waiting.Queue("begin")
	return t
}

// Later runs a statement after those before it, with the next one or the commit, whose error its own error becomes. read,
// unless nil, gets its rows; it must fail only with their error, for the commit may be done by then.
func (t *Tx) Later(ctx context.Context, sql string, args Args, read func(pgx.Rows) error) error {
	if t.waiting == nil {
		t.waiting = new(pgx.Batch)
	}
	queued := t.waiting.Queue(sql, args)
	if read != nil {
		queued.Query(read)
	}
	if t.waiting.Len() < maxLater {
		return nil
	}
	return Translate(t.send(ctx).Close())
}

// Query runs a statement, and before it what waits.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.waiting == nil {
		rows, err := t.conn.Query(ctx, sql, args...)
		if err != nil {
			return nil, Translate(err)
		}
		return &txRows{Rows: rows}, nil
	}
	results, err := t.sendWith(ctx, sql, args)
	if err == nil {
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			return &txRows{rows, results}, nil
		}
	}
	_ = results.Close() // Its error is that of the statement.
	return nil, Translate(err)
}

// Exec runs a statement that gives no rows, and before it what waits.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	if t.waiting == nil {
		tag, err = t.conn.Exec(ctx, sql, args...)
		return tag, Translate(err)
	}
	results, err := t.sendWith(ctx, sql, args)
	if err == nil {
		tag, err = results.Exec()
	}
	if closed := results.Close(); err == nil {
		err = closed
	}
	return tag, Translate(err)
}

// sendWith sends what waits and then this statement, whose result is the next to be read.
func (t *Tx) sendWith(ctx context.Context, sql string, args []any) (pgx.BatchResults, error) {
	before := t.waiting.QueuedQueries
	t.waiting.Queue(sql, args...)
	results := t.send(ctx)
	for _, q := range before {
		var err error
		if q.Fn != nil {
			err = q.Fn(results)
		} else {
			_, err = results.Exec()
		}
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func (t *Tx) send(ctx context.Context) pgx.BatchResults {
	batch := t.waiting
	t.waiting = nil
	return t.conn.SendBatch(ctx, batch)
}

// commit sends the COMMIT with what waits. Nothing was done when the BEGIN still waits alone.
func (t *Tx) commit(ctx context.Context) error {
	switch {
	case t.waiting == nil:
		t.waiting = new(pgx.Batch)
	case t.waiting.Len() == 1 && !t.begun():
		return nil
	}
	t.waiting.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" {
			return errFailedBefore
		}
		return nil
	})
	return t.send(ctx).Close()
}

// rollback ends what the commit did not. A connection on which that fails is of no use, and the pool drops it.
func (t *Tx) rollback(ctx context.Context) {
	if t.begun() {
		_, _ = t.conn.Exec(ctx, "rollback")
	}
}

// begun reports whether the server is within a transaction.
func (t *Tx) begun() bool { return !t.conn.IsClosed() && t.conn.PgConn().TxStatus() != 'I' }

// txRows ends the exchange that the rows are part of, if they are, and translates errors where they happen.
type txRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r *txRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.end()
	return false
}

func (r *txRows) Close() {
	r.Rows.Close()
	r.end()
}

func (r *txRows) Err() error { return Translate(r.Rows.Err()) }

// end frees the connection for the next statement. An error of it is the statement's, which the rows tell.
func (r *txRows) end() {
	if r.results != nil {
		_ = r.results.Close()
		r.results = nil
	}
}
