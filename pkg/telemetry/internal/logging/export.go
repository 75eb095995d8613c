package logging

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// NewProvider makes the logger provider of these processors. Attributes are cut
// to maxLength bytes.
func NewProvider(res *resource.Resource, maxLength int, processors ...sdklog.Processor) *sdklog.LoggerProvider {
	options := []sdklog.LoggerProviderOption{
		sdklog.WithResource(res),
		sdklog.WithAttributeValueLengthLimit(maxLength),
		sdklog.WithProcessor(severityNames{}),
	}
	for _, p := range processors {
		options = append(options, sdklog.WithProcessor(p))
	}
	return sdklog.NewLoggerProvider(options...)
}

// Exporter sends records to the logger provider.
func Exporter(provider *sdklog.LoggerProvider, scope string) slog.Handler {
	return otelslog.NewHandler(scope, otelslog.WithLoggerProvider(provider))
}

// severityNames gives exported records the level names of the written lines;
// the bridge would call fatal "ERROR+4".
type severityNames struct{}

func (severityNames) OnEmit(_ context.Context, r *sdklog.Record) error {
	// The bridge numbers slog's levels upwards from debug's 5.
	r.SetSeverityText(LevelName(slog.Level(r.Severity()) - 9))
	return nil
}

func (severityNames) Enabled(context.Context, sdklog.EnabledParameters) bool { return false }

func (severityNames) Shutdown(context.Context) error   { return nil }
func (severityNames) ForceFlush(context.Context) error { return nil }
