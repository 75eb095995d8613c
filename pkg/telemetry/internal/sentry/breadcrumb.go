package sentry

import (
	"log/slog"

	sdk "github.com/getsentry/sentry-go"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/logging"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
)

// breadcrumb is a log line on the way to the error.
func breadcrumb(l request.Line) *sdk.Breadcrumb {
	return &sdk.Breadcrumb{
		Category: "log", Message: l.Message, Data: l.Fields(), Level: sentryLevel(l.Level), Timestamp: l.Time,
	}
}

func sentryLevel(l slog.Level) sdk.Level {
	switch logging.LevelName(l) {
	case "trace", "debug":
		return sdk.LevelDebug
	case "info":
		return sdk.LevelInfo
	case "warn":
		return sdk.LevelWarning
	case "error":
		return sdk.LevelError
	}
	return sdk.LevelFatal
}
