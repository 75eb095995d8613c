package hint

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// maxWaiting is for how many accounts a hint may wait. Beyond it hints are dropped: the readers' own look at the stream
// heads heals that.
const maxWaiting = 10_000

// Sender says after commits how far the accounts' streams reached. No request waits for it, and however many commits of
// an account come while a notification is under way, the next one is a single hint.
type Sender struct {
	way   Way
	log   *slog.Logger
	count metric.Int64Counter

	mu      sync.Mutex
	waiting map[uuid.UUID]Hint
	wake    chan struct{}
}

// NewSender makes a sender; Run runs it.
func NewSender(way Way, tel Telemetry) (*Sender, error) {
	in := instrument.From(tel.Meter())
	count := in.Counter(driftconv.Hints)
	return &Sender{way: way, log: tel.Logger(), count: count, waiting: make(map[uuid.UUID]Hint), wake: make(chan struct{}, 1)}, in.Err()
}

// Announce leaves a hint to be sent. It never blocks.
func (s *Sender) Announce(hint Hint) {
	s.mu.Lock()
	other, waits := s.waiting[hint.AccountID]
	full := !waits && len(s.waiting) >= maxWaiting
	if !full && hint.Position >= other.Position {
		s.waiting[hint.AccountID] = hint
	}
	s.mu.Unlock()
	switch {
	case full:
		s.count.Add(context.Background(), 1, outcome("dropped"))
		return
	case waits:
		s.count.Add(context.Background(), 1, outcome("coalesced"))
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run sends hints until ctx ends, and then those that still wait.
func (s *Sender) Run(ctx context.Context) error {
	// The last commits of a shutdown are news to the replicas that go on, so sending outlives ctx.
	sending := context.WithoutCancel(ctx)
	for {
		select {
		case <-s.wake:
			s.send(sending)
		case <-ctx.Done():
			s.send(sending)
			return nil
		}
	}
}

// notifyTimeout bounds one notification, so that a database that hangs does not make hints pile up behind it.
const notifyTimeout = 2 * time.Second

func (s *Sender) send(ctx context.Context) {
	hints := s.take()
	if len(hints) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	if err := s.way.Notify(ctx, hints); err != nil {
		s.count.Add(ctx, int64(len(hints)), outcome("failed"))
		s.log.LogAttrs(ctx, slog.LevelWarn, "hints were not sent; readers will find the events by themselves",
			slog.Int("hints", len(hints)), slog.String("error.message", err.Error()))
		return
	}
	s.count.Add(ctx, int64(len(hints)), outcome("sent"))
}

func (s *Sender) take() []Hint {
	s.mu.Lock()
	defer s.mu.Unlock()
	hints := make([]Hint, 0, len(s.waiting))
	for _, hint := range s.waiting {
		hints = append(hints, hint)
	}
	clear(s.waiting)
	return hints
}

func outcome(o string) metric.AddOption {
	return metric.WithAttributes(attribute.String("outcome", o))
}
