package telemetry

import (
	"context"
	"os"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxAttributeLength bounds what a client can put on a span: a path may be a
// megabyte long. A stack trace still fits.
const maxAttributeLength = 8192

func (t *Telemetry) startSpans(ctx context.Context, res *resource.Resource) error {
	sampler := newEdgeSampler(t.cfg.SampleRatio)
	if t.cfg.Disabled {
		sampler = newEdgeSampler(0)
	}
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxAttributeLength
	}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sampler),
		sdktrace.WithIDGenerator(idGenerator{}),
		sdktrace.WithRawSpanLimits(limits),
	}
	if exports(t.cfg, "TRACES") {
		exporter, err := newSpanExporter(ctx, t.cut)
		if err != nil {
			return err
		}
		options = append(options, sdktrace.WithBatcher(redactExporter{exporter, t.redactor}, batchTimeout()...))
	}
	if t.cfg.SpanExporter != nil && !t.cfg.Disabled {
		options = append(options, sdktrace.WithSyncer(redactExporter{t.cfg.SpanExporter, t.redactor}))
	}
	t.spans = sdktrace.NewTracerProvider(options...)
	return nil
}

// batchTimeout shortens the SDK's 30 seconds for one export, unless the
// environment says otherwise: a collector that hangs should fill the queue no
// longer than it must.
func batchTimeout() []sdktrace.BatchSpanProcessorOption {
	if os.Getenv("OTEL_BSP_EXPORT_TIMEOUT") != "" {
		return nil
	}
	return []sdktrace.BatchSpanProcessorOption{sdktrace.WithExportTimeout(exportTimeout)}
}
