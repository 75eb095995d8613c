package pg

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// tracer passes queries on to otelpgx, and a batch as one query. Connects and prepares happen when the pool sees fit, which
// would give the same request a different trace each time; the pool's metrics cover them.
type tracer struct {
	queryTracer
	batchTracer
}

func newTracer(tel Telemetry, database string) (tracer, error) {
	in := instrument.From(tel.MeterProvider().Meter(scope))
	q := queryTracer{
		spans: otelpgx.NewTracer(
			otelpgx.WithTracerProvider(tel.TracerProvider()),
			// Its metrics know one label; a queryTracer has all those of the conventions, and sets them on spans, too.
			otelpgx.WithMeterProvider(noop.NewMeterProvider()),
			otelpgx.WithSpanNameFunc(summary),
			otelpgx.WithDisableSQLStatementInAttributes(),
			otelpgx.WithDisableAcquireTracer(),
			otelpgx.WithDisableConnectionDetailsInAttributes(),
		),
		descriptions: &descriptions{database: semconv.DBNamespace(database)},
		duration:     in.Histogram(driftconv.DBClientOperationDuration),
	}
	return tracer{q, batchTracer{q}}, in.Err()
}

// queryTracer adds to otelpgx's spans what the semantic conventions say of a statement, and measures how long it takes.
type queryTracer struct {
	spans        pgx.QueryTracer
	descriptions *descriptions
	duration     metric.Float64Histogram
}

var _ pgx.QueryTracer = queryTracer{}

type runningKey struct{}

// running is a statement under way.
type running struct {
	*description
	began time.Time
}

// TraceQueryStart implements pgx.QueryTracer.
func (t queryTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r := running{t.descriptions.of(data.SQL), time.Now()}
	ctx = t.spans.TraceQueryStart(ctx, conn, data)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(append(slices.Clip(r.attributes), semconv.DBQueryText(data.SQL))...)
	}
	return context.WithValue(ctx, runningKey{}, r)
}

// TraceQueryEnd implements pgx.QueryTracer. A statement that was taken back, because its request has ended, did not fail: the
// database did not fail.
func (t queryTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	r, ok := ctx.Value(runningKey{}).(running)
	if !ok {
		return
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		data.Err = nil
	}
	labels := r.succeeded
	if data.Err != nil {
		failed := failure(data.Err)
		labels = metric.WithAttributes(append(slices.Clip(r.attributes), failed...)...)
		trace.SpanFromContext(ctx).SetAttributes(failed...)
	}
	t.duration.Record(ctx, time.Since(r.began).Seconds(), labels)
	t.spans.TraceQueryEnd(ctx, conn, data)
}
