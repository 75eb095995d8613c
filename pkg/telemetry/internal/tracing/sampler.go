package tracing

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// edgeSampler decides where a trace enters the system and obeys that decision
// within it. A remote parent's sampled flag is the caller's wish and is not
// obeyed: otherwise a client could fill, or empty, the trace store.
type edgeSampler struct {
	ratio float64
	// limit is the ratio as a share of all hashes.
	limit uint64
}

// NewSampler samples that share of the traces, from 0 to 1, where they enter.
func NewSampler(ratio float64) sdktrace.Sampler {
	s := edgeSampler{ratio: min(max(ratio, 0), 1)}
	if s.ratio < 1 {
		s.limit = uint64(math.Ldexp(s.ratio, 64))
	}
	return s
}

// ShouldSample implements the SDK's Sampler.
func (s edgeSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	sampled := s.ratio >= 1 || hashTraceID(p.TraceID) < s.limit
	if parent.IsValid() && !parent.IsRemote() {
		sampled = parent.IsSampled()
	}
	decision := sdktrace.Drop
	if sampled {
		decision = sdktrace.RecordAndSample
	}
	return sdktrace.SamplingResult{Decision: decision, Tracestate: parent.TraceState()}
}

// Description implements the SDK's Sampler.
func (s edgeSampler) Description() string { return fmt.Sprintf("Edge{%g}", s.ratio) }

// hashTraceID mixes all 16 bytes. The SDK's TraceIDRatioBased reads the last
// eight as a number, of which the variant bits of a UUID pin the first two, so
// that it never samples a UUIDv4 at a ratio of a half or less.
func hashTraceID(id trace.TraceID) uint64 {
	return mix(binary.BigEndian.Uint64(id[:8]) ^ mix(binary.BigEndian.Uint64(id[8:])))
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): each bit
// of the input moves each bit of the output with a probability of a half.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// SampleRatioFromEnv reads the edge ratio from OTEL_TRACES_SAMPLER and
// OTEL_TRACES_SAMPLER_ARG. Whether the sampler's name says parentbased makes no
// difference. Without either variable every trace is sampled: retention, not
// sampling, bounds the store.
func SampleRatioFromEnv() (float64, error) {
	switch sampler := os.Getenv("OTEL_TRACES_SAMPLER"); sampler {
	case "always_on", "parentbased_always_on":
		return 1, nil
	case "always_off", "parentbased_always_off":
		return 0, nil
	case "", "traceidratio", "parentbased_traceidratio":
	default:
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER: unknown sampler %q", sampler)
	}
	arg := os.Getenv("OTEL_TRACES_SAMPLER_ARG")
	if arg == "" {
		return 1, nil
	}
	ratio, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: want a number from 0 to 1, got %q", arg)
	}
	return ratio, nil
}
