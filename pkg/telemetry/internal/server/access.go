package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/origin"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
)

// logStart writes the line that a request begins with, in detailed logs.
func (m middleware) logStart(ctx context.Context, r *http.Request) {
	if logger := m.Logger; logger.Enabled(ctx, slog.LevelDebug) {
		logger.LogAttrs(ctx, slog.LevelDebug, "request started",
			slog.String("method", methodName(r.Method)), slog.String("path", loggedPath(r)))
	}
}

// logAccess writes the request's one line.
func (m middleware) logAccess(ctx context.Context, res *response, r *http.Request, route string, failure request.Failure, took time.Duration, executionTrace string) {
	slow := took >= m.SlowRequest
	level := slog.LevelInfo
	switch {
	case res.status >= http.StatusInternalServerError || failure.Unexpected:
		level = slog.LevelError
	case res.status >= http.StatusBadRequest || slow:
		level = slog.LevelWarn
	}
	logger := m.Logger
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 12),
		slog.String("method", methodName(r.Method)),
		slog.String("path", loggedPath(r)),
		slog.String("route", route),
		slog.Int("status", res.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", res.bytes),
	)
	if slow {
		attrs = append(attrs, slog.Bool("slow", true))
	}
	if executionTrace != "" {
		attrs = append(attrs, slog.String(executionTraceKey, executionTrace))
	}
	if failure.Code != "" {
		attrs = append(attrs, slog.String("error.code", failure.Code))
	}
	if failure.Unexpected {
		attrs = append(attrs, origin.Attrs(failure.Err)...)
	} else if failure.Err != nil {
		// It may repeat what the client sent.
		attrs = append(attrs, slog.String("error.message", bounded(failure.Err.Error())))
	}
	// Without the place in the code, which says nothing of a request and takes longer to find than the line to write.
	record := slog.NewRecord(time.Now(), level, "request", 0)
	record.AddAttrs(attrs...)
	_ = logger.Handler().Handle(ctx, record) // An output that fails has no better place to complain to.
}

// loggedPath is the path without its query.
func loggedPath(r *http.Request) string { return bounded(r.URL.Path) }

// maxFromClient bounds what a client can put into one field of a line.
const maxFromClient = 512

// bounded makes a text of the client's short and printable.
func bounded(s string) string {
	if len(s) > maxFromClient {
		s = strings.ToValidUTF8(s[:maxFromClient], "") + "…"
	}
	return logging.Visible(s)
}
