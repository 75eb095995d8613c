package pg

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

// batchTracer shows the statements of one round trip as one query, which they are for the caller: a span, and
// a duration, named "BEGIN; SELECT drift for update". otelpgx's own gives each statement of a batch a span without
// a duration, and the batch a name that is the same for all.
type batchTracer struct{ query pgx.QueryTracer }

var _ pgx.BatchTracer = batchTracer{}

type batchKey struct{}

// tracedBatch is a batch under way.
type tracedBatch struct {
	rows  int64
	ended bool
}

// TraceBatchStart implements pgx.BatchTracer.
func (t batchTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	text := batchName(data.Batch)
	if trace.SpanFromContext(ctx).IsRecording() {
		text += batchText(data.Batch)
	}
	ctx = context.WithValue(ctx, batchKey{}, new(tracedBatch))
	return t.query.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: text})
}

// TraceBatchQuery implements pgx.BatchTracer.
func (batchTracer) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if b, ok := ctx.Value(batchKey{}).(*tracedBatch); ok {
		b.rows += data.CommandTag.RowsAffected()
	}
}

// TraceBatchEnd implements pgx.BatchTracer. Of a batch that fails before it is sent, pgx reports the end twice.
func (t batchTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	b, ok := ctx.Value(batchKey{}).(*tracedBatch)
	if !ok || b.ended {
		return
	}
	b.ended = true
	t.query.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{
		CommandTag: pgconn.NewCommandTag("BATCH " + strconv.FormatInt(b.rows, 10)), Err: data.Err,
	})
}

// batchName is the line that names a batch, by the names of its statements.
func batchName(b *pgx.Batch) string {
	var buf [256]byte
	name := append(buf[:0], "-- "...)
	for i, q := range b.QueuedQueries {
		if i > 0 {
			name = append(name, "; "...)
		}
		name = append(name, summary(q.SQL)...)
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
