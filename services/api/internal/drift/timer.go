package drift

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// timerInterval is how often a timer looks for what is due, and timerBatch how much of it one transaction takes.
const (
	timerInterval = 30 * time.Second
	timerBatch    = 250
)

// TimedReader finds the accounts where something is due.
type TimedReader interface {
	// ExpiredAccounts have approvals that ended before now.
	ExpiredAccounts(ctx context.Context, now time.Time) ([]uuid.UUID, error)
	// StaleAccounts have workspaces whose last check was before staleBefore, or before what the workspace says, and that have
	// no alert of it; or that have one, and whose checks come again.
	StaleAccounts(ctx context.Context, staleBefore time.Time) ([]uuid.UUID, error)
}

// TimedTx does what is due.
type TimedTx interface {
	// Turn reports whether this transaction may do timed work: of all replicas, one at a time does.
	Turn(ctx context.Context) (bool, error)
	ExpiryTx
	StaleTx
}

// Reporter receives the errors of a timer.
type Reporter interface {
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Timer does what no request asks for: approvals end, and people get alerts about workspaces whose checks stopped coming. Every replica
// has one, and they take turns. What is due is in the database, so that nothing is lost with a process.
type Timer struct {
	service    *Service
	staleAfter time.Duration
	reporter   Reporter
}

// NewTimer makes a timer; Run runs it. staleAfter is how old a workspace's last check may be.
func NewTimer(s *Service, staleAfter time.Duration, r Reporter) *Timer {
	return &Timer{s, staleAfter, r}
}

// Run does what is due at once and then every timerInterval, until ctx ends.
func (t *Timer) Run(ctx context.Context) error {
	ticker := time.NewTicker(timerInterval)
	defer ticker.Stop()
	for {
		t.Tick(ctx, now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Tick does what is due at a time. If one kind fails, the other is still done, and the next tick tries again.
func (t *Timer) Tick(ctx context.Context, at time.Time) {
	for what, do := range map[string]func() error{
		"end approvals":             func() error { return t.service.expire(ctx, at) },
		"look for stale workspaces": func() error { return t.service.noticeStale(ctx, at.Add(-t.staleAfter)) },
	} {
		err := do()
		switch {
		case err == nil, ctx.Err() != nil:
		case apierror.From(err).Kind == apierror.Internal:
			t.reporter.Report(ctx, fmt.Errorf("%s: %w", what, err))
		default: // The database is away or busy, of which others tell.
			t.service.log.LogAttrs(ctx, slog.LevelWarn, "timed work was not done", slog.String("error.message", err.Error()))
		}
	}
}

// timed does a batch of an account's timed work after the other, until there is no more or another replica does it. do says how
// much it has done.
func (s *Service) timed(ctx context.Context, account uuid.UUID, name string, do func(ctx context.Context, w *work) (int, error)) error {
	for {
		n := 0
		err := s.inTx(ctx, identity.System(account), name, func(ctx context.Context, w *work) error {
			mine, err := w.Turn(ctx)
			if n = 0; err == nil && mine {
				n, err = do(ctx, w)
			}
			return err
		})
		if err != nil || n < timerBatch {
			return err
		}
	}
}
