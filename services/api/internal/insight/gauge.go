package insight

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

// Telemetry is what the numbers are reported to.
type Telemetry interface {
	Logger() *slog.Logger
	Meter() metric.Meter
}

// The gauges cover the last loadDays days. interval is how often they are computed, and timeout how long that may take: nothing in them
// moves fast, and 100,000 open drifts take half a second.
const (
	loadDays = 30
	interval = 5 * time.Minute
	timeout  = 5 * time.Second
)

// Gauges are the numbers of all accounts, by severity. They are computed in the background, because a scrape must not wait for the
// database. If that fails, the gauges have no value.
type Gauges struct {
	store   Store
	targets Targets
	log     *slog.Logger
	numbers atomic.Pointer[[]Numbers]
}

// NewGauges makes the gauges; Run runs them.
func NewGauges(store Store, targets Targets, t Telemetry) (*Gauges, error) {
	g := &Gauges{store: store, targets: targets, log: t.Logger()}
	in := instrument.From(t.Meter())
	g.each(in, driftconv.DriftsUnsettled, func(n *Numbers, tell tell) { tell(n.Unsettled) })
	g.each(in, driftconv.DriftsSuppressed, func(n *Numbers, tell tell) { tell(n.Suppressed) })
	g.each(in, driftconv.DriftsOverdue, func(n *Numbers, tell tell) { tell(n.Overdue) })
	g.each(in, driftconv.DriftsAge, func(n *Numbers, tell tell) { n.Age.tell(tell) })
	g.each(in, driftconv.DriftsSettled, func(n *Numbers, tell tell) {
		tell(n.InTime, attribute.String("outcome", "in_time"))
		tell(n.Late, attribute.String("outcome", "late"))
	})
	g.each(in, driftconv.DriftsDetected, func(n *Numbers, tell tell) {
		tell(n.New, attribute.String("outcome", "new"))
		tell(n.Returned, attribute.String("outcome", "returned"))
		tell(n.Reopened, attribute.String("outcome", "reopened"))
	})
	g.each(in, driftconv.DriftsDecisionTime, func(n *Numbers, tell tell) { n.Decision.tell(tell) })
	g.each(in, driftconv.DriftsResolutionTime, func(n *Numbers, tell tell) { n.Resolution.tell(tell) })
	return g, in.Err()
}

// tell exports a number of a severity.
type tell func(value int, labels ...attribute.KeyValue)

// each makes a gauge with a series for each severity.
func (g *Gauges) each(in *instrument.Maker, of instrument.Gauge, numbers func(*Numbers, tell)) {
	in.Gauge(of, func(_ context.Context, o metric.Int64Observer) error {
		if all := g.numbers.Load(); all != nil {
			for i := range *all {
				n := &(*all)[i]
				numbers(n, func(value int, labels ...attribute.KeyValue) {
					o.Observe(int64(value), metric.WithAttributeSet(attribute.NewSet(append(labels, attribute.String("severity", *n.Key))...)))
				})
			}
		}
		return nil
	})
}

// tell exports the percentiles. Those of nothing are 0: a series that comes and goes leaves gaps in every graph.
func (s Spread) tell(tell tell) {
	for percentile, value := range map[string]*float64{"50": s.Median, "90": s.P90, "100": s.Max} {
		seconds := 0
		if value != nil {
			seconds = int(*value)
		}
		tell(seconds, attribute.String("percentile", percentile))
	}
}

// Run computes at once and then every interval, until ctx ends.
func (g *Gauges) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		g.Compute(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Compute computes once.
func (g *Gauges) Compute(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	now := time.Now().UTC()
	numbers, err := g.store.Load(ctx, g.targets, now.AddDate(0, 0, -loadDays), now)
	if err != nil {
		g.numbers.Store(nil)
		g.log.LogAttrs(ctx, slog.LevelDebug, "the numbers of drifts were not computed", slog.String("error.message", err.Error()))
		return
	}
	g.numbers.Store(&numbers)
}
