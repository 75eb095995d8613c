package notify

import (
	"context"
	"log/slog"
	"time"
)

// interval is how often the backlog is looked at, and timeout how long that may take.
const (
	interval = 30 * time.Second
	timeout  = 10 * time.Second
)

// Run looks at the backlog from time to time until ctx ends: it measures it, and wakes channels whose job is gone, which only
// happens when someone removes it. At first it seals again what the previous DATA_KEY has sealed.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	resealed := false
	for {
		if !resealed {
			resealed = s.attempt(ctx, "targets were not sealed again", s.Reseal)
		}
		s.attempt(ctx, "the backlog of notifications was not looked at", s.Look)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Service) attempt(ctx context.Context, failure string, fn func(context.Context) error) bool {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := fn(bounded)
	if err != nil && ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, failure, //nolint:sloglint // Each caller has a constant.
			slog.String("error.message", err.Error()))
	}
	return err == nil
}

// Look measures the backlog, and wakes channels that have lost their job.
func (s *Service) Look(ctx context.Context) error {
	b, err := s.store.Backlog(ctx)
	if err != nil {
		s.instruments.backlog.Store(nil)
		return err
	}
	s.instruments.backlog.Store(&b)
	if b.Waiting == 0 {
		return nil
	}
	n, err := s.store.Wake(ctx)
	if n > 0 {
		s.log.LogAttrs(ctx, slog.LevelWarn, "channels had lost their jobs", slog.Int("rows", n))
	}
	return err
}

// Reseal seals with the present key what the previous one has sealed. A target that neither opens stays as it is: its channel
// says so when it sends.
func (s *Service) Reseal(ctx context.Context) error {
	targets, err := s.store.Targets(ctx)
	if err != nil {
		return err
	}
	for channel, sealed := range targets {
		t, old, err := s.openTarget(channel, sealed)
		if err != nil || !old {
			continue
		}
		again, err := s.sealTarget(channel, t)
		if err != nil {
			return err
		}
		if err := s.store.Reseal(ctx, channel, sealed, again); err != nil {
			return err
		}
	}
	return nil
}
