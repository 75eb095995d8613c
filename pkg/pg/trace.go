package pg

import (
	"context"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
)

// tracer passes only queries and copies on to otelpgx, and a batch as one query. Connects and prepares happen when the
// pool sees fit, which would give the same request a different trace each time; the pool's metrics cover them.
type tracer struct {
	pgx.QueryTracer
	pgx.CopyFromTracer
	batchTracer
}

func newTracer(tel Telemetry) tracer {
	t := otelpgx.NewTracer(
		otelpgx.WithTracerProvider(tel.TracerProvider()),
		otelpgx.WithMeterProvider(tel.MeterProvider()),
		otelpgx.WithSpanNameFunc(operation),
		otelpgx.WithMetricOperationName(func(_ context.Context, sql string) string { return operation(sql) }),
		otelpgx.WithDisableAcquireTracer(),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
	)
	return tracer{t, t, batchTracer{t}}
}

// operation is the statement's name: its first line's comment, else its first word.
func operation(sql string) string {
	sql = strings.TrimLeft(sql, " \t\n")
	if rest, ok := strings.CutPrefix(sql, "-- "); ok {
		name, _, _ := strings.Cut(rest, "\n")
		return name
	}
	word, _, _ := strings.Cut(sql, " ")
	if len(word) > 16 {
		return "other"
	}
	return strings.ToUpper(word)
}
