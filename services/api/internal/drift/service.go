package drift

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/services/api/internal/cachestat"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Service is the use cases. Whoever calls them has checked that the principal's role allows it.
type Service struct {
	store       Store
	hints       *Hints
	dataKey     []byte
	hideValues  bool
	staleAfter  time.Duration
	log         *slog.Logger
	tracer      trace.Tracer
	instruments *instruments
	counts      *counts
}

// Telemetry is what the service reports to.
type Telemetry interface {
	Logger() *slog.Logger
	Tracer() trace.Tracer
	Meter() metric.Meter
}

// Config is what a service is made of.
type Config struct {
	Store Store
	Hints *Hints
	// DataKey makes the HMACs by which changes of masked values are found.
	DataKey []byte
	// HideValues stores keyed hashes in the place of values.
	HideValues bool
	// StaleAfter is how old a workspace's last check may be before its status counts as unknown.
	StaleAfter time.Duration
	Telemetry  Telemetry
}

// New makes the service.
func New(c Config) (*Service, error) {
	instruments, err := newInstruments(c.Telemetry.Meter())
	if err != nil {
		return nil, fmt.Errorf("make the instruments of drifts: %w", err)
	}
	stat, err := cachestat.New(c.Telemetry.Meter(), "drift_count")
	if err != nil {
		return nil, fmt.Errorf("make the instruments of the counts: %w", err)
	}
	return &Service{
		store: c.Store, hints: c.Hints, dataKey: c.DataKey, hideValues: c.HideValues, staleAfter: c.StaleAfter,
		log: c.Telemetry.Logger(), tracer: c.Telemetry.Tracer(), instruments: instruments, counts: newCounts(stat),
	}, nil
}

// now is the time in the precision that is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// newID makes an id whose order is that of its making.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Get is one drift and what surrounds it.
func (s *Service) Get(ctx context.Context, p identity.Principal, id uuid.UUID) (*Detail, error) {
	return s.store.Drift(ctx, p.AccountID, id)
}

// List is a page of the drifts that pass the filter, and how many pass it.
func (s *Service) List(ctx context.Context, p identity.Principal, f Filter, o Order, page Page) ([]*Drift, int, error) {
	drifts, head, err := s.store.ListDrifts(ctx, p.AccountID, f, o, page)
	if err != nil {
		return nil, 0, err
	}
	if n := len(drifts); n < page.Size && (n > 0 || page.Number == 1) {
		return drifts, page.Offset() + n, nil // The last page tells by itself.
	}
	if total, ok := s.counts.get(ctx, p.AccountID, f, head); ok {
		return drifts, total, nil
	}
	total, head, err := s.store.CountDrifts(ctx, p.AccountID, f)
	if err != nil {
		return nil, 0, err
	}
	s.counts.put(p.AccountID, f, head, total)
	return drifts, total, nil
}
