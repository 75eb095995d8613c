package telemetry

import (
	"context"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// startLogs makes the logger provider, when anything is to be exported.
func (t *Telemetry) startLogs(ctx context.Context, res *resource.Resource) error {
	var processors []sdklog.Processor
	if exports(t.cfg, "LOGS") {
		exporter, err := newLogExporter(ctx, t.cut)
		if err != nil {
			return err
		}
		var options []sdklog.BatchProcessorOption
		if os.Getenv("OTEL_BLRP_EXPORT_TIMEOUT") == "" {
			options = append(options, sdklog.WithExportTimeout(exportTimeout))
		}
		processors = append(processors, sdklog.NewBatchProcessor(exporter, options...))
	}
	if t.cfg.LogExporter != nil && !t.cfg.Disabled {
		processors = append(processors, sdklog.NewSimpleProcessor(t.cfg.LogExporter))
	}
	if len(processors) == 0 {
		return nil
	}
	options := []sdklog.LoggerProviderOption{
		sdklog.WithResource(res),
		sdklog.WithAttributeValueLengthLimit(maxAttributeLength),
		sdklog.WithProcessor(severityNames{}),
	}
	for _, p := range processors {
		options = append(options, sdklog.WithProcessor(p))
	}
	t.logs = sdklog.NewLoggerProvider(options...)
	return nil
}

// otlpHandler sends records to the logger provider.
func otlpHandler(provider *sdklog.LoggerProvider, scope string) slog.Handler {
	return otelslog.NewHandler(scope, otelslog.WithLoggerProvider(provider))
}

// severityNames gives exported records the level names of the written lines;
// the bridge would call fatal "ERROR+4".
type severityNames struct{}

func (severityNames) OnEmit(_ context.Context, r *sdklog.Record) error {
	// The bridge numbers slog's levels upwards from debug's 5.
	r.SetSeverityText(levelName(slog.Level(r.Severity()) - 9))
	return nil
}

func (severityNames) Enabled(context.Context, sdklog.EnabledParameters) bool { return false }

func (severityNames) Shutdown(context.Context) error   { return nil }
func (severityNames) ForceFlush(context.Context) error { return nil }
