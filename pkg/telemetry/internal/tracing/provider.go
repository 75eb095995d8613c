// Package tracing makes spans and their IDs, and decides which traces are kept.
package tracing

import (
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewProvider makes the tracer provider. Attributes are cut to maxLength bytes
// unless the environment says otherwise.
func NewProvider(res *resource.Resource, sampler sdktrace.Sampler, maxLength int, options ...sdktrace.TracerProviderOption) *sdktrace.TracerProvider {
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = maxLength
	}
	return sdktrace.NewTracerProvider(append(options,
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sampler),
		sdktrace.WithIDGenerator(IDs{}),
		sdktrace.WithRawSpanLimits(limits),
	)...)
}
