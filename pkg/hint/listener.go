package hint

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// The pauses before a connection is tried again double from the first to the last.
const (
	defaultFirstPause = 100 * time.Millisecond
	defaultLastPause  = 5 * time.Second
)

// newPauses gives pauses with jitter: replicas should not come back together.
func newPauses(first, last time.Duration) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: first, MaxInterval: last, Multiplier: 2, RandomizationFactor: 0.5}
}

// Listener receives hints. Whenever its connection breaks it takes another.
type Listener struct {
	way       Way
	log       *slog.Logger
	count     metric.Int64Counter
	listening atomic.Bool
}

// NewListener makes a listener; Run runs it.
func NewListener(way Way, tel Telemetry) (*Listener, error) {
	l := &Listener{way: way, log: tel.Logger()}
	in := instrument.From(tel.Meter())
	l.count = in.Counter(driftconv.RealtimeHints)
	in.Value(driftconv.RealtimeListening, func() int64 {
		if l.listening.Load() {
			return 1
		}
		return 0
	})
	return l, in.Err()
}

// Run passes hints on until ctx ends. It calls ready each time that it begins to listen: hints of the meantime are lost.
// receive reports whether a hint was news.
func (l *Listener) Run(ctx context.Context, ready func(), receive func(Hint) bool) {
	pauses := newPauses(defaultFirstPause, defaultLastPause)
	listen := func() (struct{}, error) {
		defer l.listening.Store(false)
		return struct{}{}, l.listen(ctx, func() {
			pauses.Reset()
			l.listening.Store(true)
			ready()
		}, receive)
	}
	tell := func(err error, pause time.Duration) {
		l.log.LogAttrs(ctx, slog.LevelWarn, "listening for hints ended; will try again",
			slog.String("error.message", err.Error()), slog.Float64("pause_ms", float64(pause.Milliseconds())))
	}
	// It has no other end than that of ctx.
	_, _ = backoff.Retry(ctx, listen, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0), backoff.WithNotify(tell))
}

var errEnded = errors.New("the connection has ended")

// listen listens once. It never returns nil, and a panic costs no more than an error.
func (l *Listener) listen(ctx context.Context, ready func(), receive func(Hint) bool) (err error) {
	defer telemetry.RecoverTo(&err)
	if err := l.way.Listen(ctx, ready, func(payload string) { l.receive(ctx, payload, receive) }); err != nil {
		return err
	}
	return errEnded
}

// receive reads one hint. Every role that may NOTIFY can send anything, and it does no harm.
func (l *Listener) receive(ctx context.Context, payload string, receive func(Hint) bool) {
	outcome := "ignored"
	if h, err := Parse(payload); err != nil {
		outcome = "invalid"
	} else if receive(h) {
		outcome = "news"
	}
	l.count.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}
