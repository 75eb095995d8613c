package pg

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

// batchTracer shows the statements of one round trip as the one query that they are to whoever waits for them: a span, and
// a duration, named "BEGIN; SELECT drift for update". otelpgx's own gives each statement of a batch a span without
// a duration, and the batch a name that is the same for all.
type batchTracer struct{ query pgx.QueryTracer }

var _ pgx.BatchTracer = batchTracer{}

type rowsKey struct{}

// TraceBatchStart implements pgx.BatchTracer.
func (t batchTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	text := batchName(data.Batch)
	if trace.SpanFromContext(ctx).IsRecording() {
		text += batchText(data.Batch)
		ctx = context.WithValue(ctx, rowsKey{}, new(int64))
	}
	return t.query.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: text})
}

// TraceBatchQuery implements pgx.BatchTracer.
func (batchTracer) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if rows, ok := ctx.Value(rowsKey{}).(*int64); ok {
		*rows += data.CommandTag.RowsAffected()
	}
}

// TraceBatchEnd implements pgx.BatchTracer.
func (t batchTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	end := pgx.TraceQueryEndData{Err: data.Err}
	if rows, ok := ctx.Value(rowsKey{}).(*int64); ok {
		end.CommandTag = pgconn.NewCommandTag("BATCH " + strconv.FormatInt(*rows, 10))
	}
	t.query.TraceQueryEnd(ctx, conn, end)
}

// batchName is the line that names a batch, by the names of its statements.
func batchName(b *pgx.Batch) string {
	var buf [256]byte
	name := append(buf[:0], "-- "...)
	for i, q := range b.QueuedQueries {
		if i > 0 {
			name = append(name, "; "...)
		}
		name = append(name, operation(q.SQL)...)
	}
	return string(append(name, '\n'))
}

func batchText(b *pgx.Batch) string {
	texts := make([]string, len(b.QueuedQueries))
	for i, q := range b.QueuedQueries {
		texts[i] = q.SQL
	}
	return strings.Join(texts, ";\n")
}
