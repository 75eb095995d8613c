package pg

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// use is how the pool is used, as the semantic conventions have it.
type use struct {
	pending  atomic.Int64 // acquires under way
	timeouts metric.Int64Counter
	wait     metric.Float64Histogram
	create   metric.Float64Histogram
}

var (
	// A process has one pool.
	poolName = semconv.DBClientConnectionPoolName("main")
	ofPool   = metric.WithAttributeSet(attribute.NewSet(poolName))
	idle     = metric.WithAttributeSet(attribute.NewSet(poolName, semconv.DBClientConnectionStateIdle))
	used     = metric.WithAttributeSet(attribute.NewSet(poolName, semconv.DBClientConnectionStateUsed))
)

func newUse(tel Telemetry) (*use, error) {
	in := instrument.From(tel.MeterProvider().Meter(scope))
	return &use{
		timeouts: in.Counter(driftconv.DBClientConnectionTimeouts),
		wait:     in.Histogram(driftconv.DBClientConnectionWaitTime),
		create:   in.Histogram(driftconv.DBClientConnectionCreateTime),
	}, in.Err()
}

// observe exports what is looked at when it is asked for.
func (u *use) observe(pool *pgxpool.Pool, tel Telemetry) error {
	in := instrument.From(tel.MeterProvider().Meter(scope))
	connections := func(idle, used metric.ObserveOption) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			s := pool.Stat()
			o.Observe(int64(s.IdleConns()), idle)
			o.Observe(int64(s.AcquiredConns()), used)
			return nil
		}
	}
	one := func(value func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(value(), ofPool)
			return nil
		}
	}
	in.ObservedUpDownCounter(driftconv.DBClientConnectionCount, connections(idle, used))
	in.ObservedUpDownCounter(driftconv.DBClientConnectionMax, one(func() int64 { return int64(pool.Stat().MaxConns()) }))
	in.ObservedUpDownCounter(driftconv.DBClientConnectionPendingRequests, one(u.pending.Load))
	in.Gauge(driftconv.DatabaseConnectionPoolSize, connections(
		metric.WithAttributes(attribute.String("state", "idle")), metric.WithAttributes(attribute.String("state", "used"))))
	return in.Err()
}

// waiting begins an acquire; done ends it, and says whether there is a connection.
func (u *use) waiting(ctx context.Context) (done func(got bool)) {
	u.pending.Add(1)
	began := time.Now()
	return func(got bool) {
		u.pending.Add(-1)
		if got {
			u.wait.Record(ctx, time.Since(began).Seconds(), ofPool)
		}
	}
}

func (u *use) timedOut(ctx context.Context) { u.timeouts.Add(ctx, 1, ofPool) }

// pooled is the tracer of the pool's connections. It measures how long they take to make.
type pooled struct {
	tracer
	*use
}

type connectingKey struct{}

// TraceConnectStart implements pgx.ConnectTracer.
func (p pooled) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return context.WithValue(ctx, connectingKey{}, time.Now())
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (p pooled) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if began, ok := ctx.Value(connectingKey{}).(time.Time); ok && data.Err == nil {
		p.create.Record(ctx, time.Since(began).Seconds(), ofPool)
	}
}
