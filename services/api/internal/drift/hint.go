package drift

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Notifier sends hints to whoever listens.
type Notifier interface {
	Notify(ctx context.Context, hints []event.Hint) error
}

// maxWaiting is for how many accounts a hint may wait. Beyond it hints are dropped: the readers' own look at the stream
// heads heals that.
const maxWaiting = 10_000

// Hints says after commits how far the accounts' streams reached. Nobody waits for it, and however many commits of an
// account come while a notification is under way, the next one is a single hint.
type Hints struct {
	notifier Notifier
	log      *slog.Logger
	count    metric.Int64Counter

	mu      sync.Mutex
	waiting map[uuid.UUID]event.Hint
	wake    chan struct{}
}

// NewHints makes the worker; Run runs it.
func NewHints(n Notifier, t Telemetry) (*Hints, error) {
	in := instrument.From(t.Meter())
	count := in.Counter(driftconv.Hints)
	return &Hints{notifier: n, log: t.Logger(), count: count, waiting: make(map[uuid.UUID]event.Hint), wake: make(chan struct{}, 1)}, in.Err()
}

// Announce leaves a hint to be sent. It never blocks.
func (h *Hints) Announce(hint event.Hint) {
	h.mu.Lock()
	other, waits := h.waiting[hint.AccountID]
	full := !waits && len(h.waiting) >= maxWaiting
	if !full && hint.Position >= other.Position {
		h.waiting[hint.AccountID] = hint
	}
	h.mu.Unlock()
	switch {
	case full:
		h.count.Add(context.Background(), 1, outcome("dropped"))
		return
	case waits:
		h.count.Add(context.Background(), 1, outcome("coalesced"))
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run sends hints until ctx ends, and then those that still wait.
func (h *Hints) Run(ctx context.Context) error {
	// The last commits of a shutdown are news to the replicas that go on, so sending outlives ctx.
	sending := context.WithoutCancel(ctx)
	for {
		select {
		case <-h.wake:
			h.send(sending)
		case <-ctx.Done():
			h.send(sending)
			return nil
		}
	}
}

// notifyTimeout bounds one notification, so that a database that hangs does not make hints pile up behind it.
const notifyTimeout = 2 * time.Second

func (h *Hints) send(ctx context.Context) {
	hints := h.take()
	if len(hints) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	if err := h.notifier.Notify(ctx, hints); err != nil {
		h.count.Add(ctx, int64(len(hints)), outcome("failed"))
		h.log.LogAttrs(ctx, slog.LevelWarn, "hints were not sent; readers will find the events by themselves",
			slog.Int("hints", len(hints)), slog.String("error.message", err.Error()))
		return
	}
	h.count.Add(ctx, int64(len(hints)), outcome("sent"))
}

func (h *Hints) take() []event.Hint {
	h.mu.Lock()
	defer h.mu.Unlock()
	hints := make([]event.Hint, 0, len(h.waiting))
	for _, hint := range h.waiting {
		hints = append(hints, hint)
	}
	clear(h.waiting)
	return hints
}
