// Package feed keeps the streams of the connected accounts up to date.
//
//	NOTIFY, NATS ──hint──┐
//	                     ├──▶ the hub's queue of streams that are behind ──▶ readers: SELECT by position ──▶ publish
//	heads, every 2 s ────┘
//
// A hint only wakes; positions decide what to read. A hint that is lost, late or duplicated, and a listening
// connection that breaks, cost two seconds at most: a check of the heads of all streams makes up for them.
package feed

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// Store is the database.
type Store interface {
	hub.Source
	// Heads gives the windows of many accounts; those without a stream are absent.
	Heads(ctx context.Context, accounts []uuid.UUID) (map[uuid.UUID]event.Window, error)
}

// Hints receives the hints of api.
type Hints interface {
	// Run passes hints on until ctx ends, and calls ready each time that it begins to listen.
	Run(ctx context.Context, ready func(), receive func(hint.Hint) bool)
}

// Telemetry receives the feed's reports.
type Telemetry interface {
	Tracer() trace.Tracer
	Meter() metric.Meter
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Config fits the feed. Zero values get defaults.
type Config struct {
	HeadCheck time.Duration // how often the heads are looked at
	Readers   int           // how many streams are read at a time
	Batch     int           // how many events are read at once
}

func (c Config) withDefaults() Config {
	c.HeadCheck = cmp.Or(c.HeadCheck, 2*time.Second)
	c.Readers = cmp.Or(c.Readers, 3)
	c.Batch = cmp.Or(c.Batch, 256)
	return c
}

// Feed follows the streams of a hub.
type Feed struct {
	config  Config
	store   Store
	hints   Hints
	hub     *hub.Hub
	tel     Telemetry
	healed  metric.Int64Counter
	look    chan struct{} // at the heads, now
	failing atomic.Bool   // the database; said once
}

// New makes a feed; Run runs it.
func New(config Config, store Store, hints Hints, h *hub.Hub, tel Telemetry) (*Feed, error) {
	f := &Feed{config: config.withDefaults(), store: store, hints: hints, hub: h, tel: tel, look: make(chan struct{}, 1)}
	in := instrument.From(tel.Meter())
	f.healed = in.Counter(driftconv.RealtimeHealed)
	if err := in.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// Run follows the streams until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop() // after a panic, which starts all of this again
	wg.Go(func() {
		// Whenever it begins to listen, hints of the meantime are lost.
		f.hints.Run(ctx, f.lookNow, func(h hint.Hint) bool { return f.hub.Hint(h.AccountID, h.Position) })
	})
	for range f.config.Readers {
		wg.Go(func() { f.readStreams(ctx) })
	}
	f.watchHeads(ctx)
	return nil
}

// guard runs one step. A panic costs no more than an error.
func (f *Feed) guard(step func() error) (err error) {
	defer telemetry.RecoverTo(&err)
	return step()
}

// tell logs that the database is gone, or back, once each; and every unexpected error.
func (f *Feed) tell(ctx context.Context, err error) {
	switch {
	case err == nil:
		if f.failing.CompareAndSwap(true, false) {
			f.tel.Logger().LogAttrs(ctx, slog.LevelInfo, "the event streams can be read again")
		}
	case ctx.Err() != nil:
	case apierror.From(err).Kind == apierror.Internal:
		f.tel.Report(ctx, err)
	case f.failing.CompareAndSwap(false, true):
		f.tel.Logger().LogAttrs(ctx, slog.LevelWarn, "the event streams can't be read; sockets stay open and miss nothing",
			slog.String("error.message", err.Error()))
	}
}
