package pg

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Tx is a transaction that saves round trips: its BEGIN is sent with its first statement, and statements given to Later
// with the next one, or with the COMMIT. A lock that the last statement takes is, in a decision, not held during any
// round trip, and all decisions of an account wait for that lock, since each takes the next position of its stream.
type Tx struct {
	conn    *pgx.Conn
	waiting *pgx.Batch // nil when nothing waits
	unsent  bool       // the BEGIN waits too
}

// maxLater is how many statements may wait, because their parameters take memory.
const maxLater = 8

var _ Querier = (*Tx)(nil)

func newTx(conn *pgx.Conn) *Tx {
	t := &Tx{conn: conn, waiting: new(pgx.Batch), unsent: true}
	t.waiting.Queue("begin")
	return t
}

// Later runs a statement with the next one or the commit, and in order; its error becomes theirs. read, unless nil,
// gets its rows. With the commit, read may return only the rows' own error, because the commit is done by then.
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

// Query runs the waiting statements, then this one.
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
			return &txRows{Rows: rows, results: results}, nil
		}
	}
	_ = results.Close() // Its error is that of the statement.
	return nil, Translate(err)
}

// Exec runs the waiting statements, then this one, which gives no rows.
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

// sendWith sends the waiting statements and then this one, whose result is read next.
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
	t.waiting, t.unsent = nil, false
	return t.conn.SendBatch(ctx, batch)
}

// commit sends the COMMIT with the waiting statements. If only the BEGIN waits, nothing was done.
func (t *Tx) commit(ctx context.Context) error {
	switch {
	case t.waiting == nil:
		t.waiting = new(pgx.Batch)
	case t.unsent && t.waiting.Len() == 1:
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

// rollback ends a transaction that was not committed. If that fails, the pool drops the connection.
func (t *Tx) rollback(ctx context.Context) {
	if !t.conn.IsClosed() && t.conn.PgConn().TxStatus() != 'I' {
		_, _ = t.conn.Exec(ctx, "rollback")
	}
}

// txRows ends the exchange that the rows are part of, if they are, and translates errors where they happen.
type txRows struct {
	pgx.Rows
	results pgx.BatchResults
	ended   error // how the exchange ended; the rows may be complete, and the connection gone right after them
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

func (r *txRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return Translate(err)
	}
	return Translate(r.ended)
}

// end frees the connection for the next statement.
func (r *txRows) end() {
	if r.results != nil {
		r.ended = r.results.Close()
		r.results = nil
	}
}
