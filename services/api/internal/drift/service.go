package drift

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/cache"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// Service has the use cases. Their caller has checked that the principal's role allows them.
type Service struct {
	store   Store
	hints   Announcer
	dataKey []byte
	// previousDataKey is the one that dataKey replaced; nil when there is none.
	previousDataKey []byte
	hideValues      bool
	log             *slog.Logger
	tracer          trace.Tracer
	instruments     *instruments
	counts          *cache.Cache[counted, int]

	actors     Actors
	ruleSets   *cache.Cache[uuid.UUID, *rule.Set]
	rulesWoken chan struct{}
	report     func(ctx context.Context, err error, attrs ...slog.Attr)
}

// Store is the database. Everything in it is scoped to an account: what belongs to another account is not found.
type Store interface {
	// InTx runs fn in a transaction named for its span. On a deadlock fn runs again, so it must change nothing outside.
	InTx(ctx context.Context, name string, fn func(ctx context.Context, tx Tx) error) error

	Reader
	OpenReader
	AlertReader
	StreamReader
	GroupReader
	TimedReader
	RuleReader
	RuleWork
	PreviewReader
}

// Tx is a transaction. Its parts are in the order in which locks are taken, each declared by the use case that needs it.
type Tx interface {
	CheckTx
	RuleTx
	RunTx
	SettingsTx
	DecisionTx
	AssignTx
	AttributionTx
	BulkTx
	TimedTx
	OpenTx
	SeenTx
	AlertTx
	audit.Writer
	StreamTx
}

// Announcer tells the readers of an account's stream, after the commit, how far the stream has reached. It never blocks.
type Announcer interface {
	Announce(h hint.Hint)
}

// Telemetry is what the service reports to.
type Telemetry interface {
	Logger() *slog.Logger
	Tracer() trace.Tracer
	Meter() metric.Meter
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Config is what a service is made of.
type Config struct {
	Store Store
	Hints Announcer
	// DataKey makes the HMACs that show changes of masked values.
	DataKey []byte
	// PreviousDataKey is the one that DataKey replaced, while data made with it is still stored. It may be nil.
	PreviousDataKey []byte
	// HideValues stores keyed hashes in the place of values.
	HideValues bool
	// Actors look at who changes rules.
	Actors    Actors
	Telemetry Telemetry
}

// New makes the service.
func New(c Config) (*Service, error) {
	instruments, err := newInstruments(c.Telemetry.Meter())
	if err != nil {
		return nil, fmt.Errorf("make the instruments of drifts: %w", err)
	}
	counts, err := cache.New[counted, int](c.Telemetry.Meter(), "drift_count", countsKept, cache.Forever)
	if err != nil {
		return nil, err
	}
	ruleSets, err := cache.New[uuid.UUID, *rule.Set](c.Telemetry.Meter(), "rules", ruleSetsKept, cache.Forever)
	if err != nil {
		return nil, err
	}
	return &Service{
		actors: c.Actors, ruleSets: ruleSets, rulesWoken: make(chan struct{}, 1), report: c.Telemetry.Report,
		store: c.Store, hints: c.Hints, dataKey: c.DataKey, previousDataKey: c.PreviousDataKey, hideValues: c.HideValues,
		log: c.Telemetry.Logger(), tracer: c.Telemetry.Tracer(), instruments: instruments, counts: counts,
	}, nil
}

// ruleSetsKept bounds the memory: the compiled rules of an account take some hundred kilobytes at most.
const ruleSetsKept = 200

// now is the time in the precision that is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func ids(drifts []*Drift) []uuid.UUID {
	list := make([]uuid.UUID, len(drifts))
	for i, d := range drifts {
		list[i] = d.ID
	}
	return list
}
