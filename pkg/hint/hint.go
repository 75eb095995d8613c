// Package hint wakes the readers of an account's stream: api sends a hint after each commit, and realtime listens.
//
//	commit ──Announce──▶ Sender ──Notify──▶ Postgres's NOTIFY, or NATS ──Listen──▶ Listener ──▶ the stream's reader
//	                     one per account                                           listens again when it breaks
//
// A hint says only "account A is at position N". One that is lost, late or doubled does no harm: positions decide, and a
// look at the streams' heads finds what no hint announced. So both services start, and are ready, without NATS.
package hint

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/pg"
)

// Hint says how far an account's stream reached.
type Hint struct {
	AccountID uuid.UUID
	Position  int64
	// Traceparent is that of the newest events. It is no part of the hint's text: it goes beside it, where the way to the
	// readers has a place for it.
	Traceparent string
}

func (h Hint) String() string { return h.AccountID.String() + ":" + strconv.FormatInt(h.Position, 10) }

// Parse reads what String wrote.
func Parse(s string) (Hint, error) {
	id, position, ok := strings.Cut(s, ":")
	if !ok {
		return Hint{}, fmt.Errorf("hint %q has no position", s)
	}
	account, err := uuid.Parse(id)
	if err != nil {
		return Hint{}, fmt.Errorf("hint's account: %w", err)
	}
	n, err := strconv.ParseInt(position, 10, 64)
	if err != nil || n < 0 {
		return Hint{}, fmt.Errorf("hint %q has a wrong position", s)
	}
	return Hint{AccountID: account, Position: n}, nil
}

// Way carries hints from api to realtime: Postgres's NOTIFY, or NATS.
type Way interface {
	// Notify sends hints to every listener.
	Notify(ctx context.Context, hints []Hint) error
	// Listen passes hints on until its connection breaks or ctx ends, and calls ready when it listens.
	Listen(ctx context.Context, ready func(), receive func(payload string)) error
	// Close ends what the way holds.
	Close()
}

// Telemetry is what a way, its sender and its listener report to.
type Telemetry interface {
	Tracer() trace.Tracer
	Meter() metric.Meter
	Logger() *slog.Logger
}

// Open chooses the way: NATS where NATS_URL is set, else the database. It does not connect. application is the name that
// NATS's own monitoring shows.
func Open(c Config, db *pg.DB, application string, tel Telemetry) (Way, error) {
	if c.Enabled() {
		return OpenNATS(c, application, tel)
	}
	return Postgres{db}, nil
}
