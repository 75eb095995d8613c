package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
)

// diagnostics is where telemetry speaks of itself. Its lines are only written,
// never exported, since an exporter that fails would feed itself; and they are
// few, since an absent collector fails every few seconds.
type diagnostics struct {
	logger *slog.Logger
	errors metric.Int64Counter
}

func newDiagnostics(outputs slog.Handler, errors metric.Int64Counter) diagnostics {
	limited := limitHandler{outputs, rate.NewLimiter(rate.Every(30*time.Second), 3), new(atomic.Int64)}
	// Below warnings the SDK tells of each tracer and meter it makes.
	return diagnostics{slog.New(logging.AtLeast(slog.LevelWarn, limited)).With("module", "telemetry"), errors}
}

// Handle implements otel.ErrorHandler.
func (d diagnostics) Handle(err error) {
	ctx := context.Background()
	d.errors.Add(ctx, 1)
	d.logger.LogAttrs(ctx, slog.LevelWarn, "telemetry error", slog.String("error.message", err.Error()))
}

// limitHandler lets few records pass and tells how many it held back.
type limitHandler struct {
	slog.Handler
	limit *rate.Limiter
	held  *atomic.Int64
}

func (h limitHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.limit.Allow() {
		h.held.Add(1)
		return nil
	}
	if n := h.held.Swap(0); n > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int64("suppressed", n))
	}
	return h.Handler.Handle(ctx, r)
}

func (h limitHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limitHandler{h.Handler.WithAttrs(attrs), h.limit, h.held}
}

func (h limitHandler) WithGroup(name string) slog.Handler {
	return limitHandler{h.Handler.WithGroup(name), h.limit, h.held}
}
