package tracing

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// share is the share of n trace IDs that the sampler takes.
func share(ctx context.Context, s sdktrace.Sampler, n int, id func(int) trace.TraceID) float64 {
	taken := 0
	for i := range n {
		if s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id(i)}).Decision == sdktrace.RecordAndSample {
			taken++
		}
	}
	return float64(taken) / float64(n)
}

func TestEdgeSampler_Ratio(t *testing.T) {
	ids := map[string]func(int) trace.TraceID{
		"UUIDv4": func(int) trace.TraceID { return trace.TraceID(uuid.New()) },
		"random": func(int) trace.TraceID { id, _ := IDs{}.NewIDs(t.Context()); return id },
		"counted": func(i int) (id trace.TraceID) {
			binary.BigEndian.PutUint64(id[8:], uint64(i+1))
			return id
		},
		"counted in the first half": func(i int) (id trace.TraceID) {
			binary.BigEndian.PutUint64(id[:8], uint64(i+1))
			return id
		},
	}
	for name, id := range ids {
		t.Run(name, func(t *testing.T) {
			for _, ratio := range []float64{0, 0.01, 0.1, 0.5, 0.9, 1} {
				const n = 20_000
				got := share(t.Context(), NewSampler(ratio), n, id)
				// Six standard deviations: one failure in 500 million runs.
				if tolerance := 6 * math.Sqrt(ratio*(1-ratio)/n); math.Abs(got-ratio) > tolerance {
					t.Errorf("ratio %g took %g", ratio, got)
				}
			}
		})
	}

	t.Run("the_SDKs_sampler_would_take_no_UUID", func(t *testing.T) {
		if got := share(t.Context(), sdktrace.TraceIDRatioBased(0.4), 1000, ids["UUIDv4"]); got != 0 {
			t.Errorf("it took %g: our own is no longer needed for this", got)
		}
	})
}

func TestEdgeSampler_Parent(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	parent := func(remote, sampled bool) context.Context {
		cfg := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: remote, TraceState: state}
		if sampled {
			cfg.TraceFlags = trace.FlagsSampled
		}
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(cfg))
	}
	for name, tc := range map[string]struct {
		remote, sampled bool
		ratio           float64
		want            sdktrace.SamplingDecision
	}{
		"local_parent_sampled_is_obeyed":   {false, true, 0, sdktrace.RecordAndSample},
		"local_parent_dropped_is_obeyed":   {false, false, 1, sdktrace.Drop},
		"remote_parent_sampled_is_ignored": {true, true, 0, sdktrace.Drop},
		"remote_parent_dropped_is_ignored": {true, false, 1, sdktrace.RecordAndSample},
	} {
		t.Run(name, func(t *testing.T) {
			got := NewSampler(tc.ratio).ShouldSample(sdktrace.SamplingParameters{ParentContext: parent(tc.remote, tc.sampled), TraceID: trace.TraceID{1}})
			if got.Decision != tc.want || got.Tracestate.String() != "vendor=1" {
				t.Errorf("got %v, want %v and the parent's tracestate", got, tc.want)
			}
		})
	}
}

func TestSampleRatioFromEnv(t *testing.T) {
	for name, tc := range map[string]struct {
		sampler, arg string
		want         float64
		wantErr      bool
	}{
		"nothing set":       {"", "", 1, false},
		"ratio alone":       {"", "0.25", 0.25, false},
		"ratio":             {"parentbased_traceidratio", "0.1", 0.1, false},
		"on":                {"always_on", "0.1", 1, false},
		"off":               {"parentbased_always_off", "", 0, false},
		"unknown sampler":   {"jaeger_remote", "", 1, true},
		"no number":         {"traceidratio", "ten", 1, true},
		"not a number":      {"traceidratio", "NaN", 1, true},
		"more than all":     {"traceidratio", "1.5", 1, true},
		"less than nothing": {"traceidratio", "-1", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", tc.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", tc.arg)
			got, err := SampleRatioFromEnv()
			if got != tc.want || (err != nil) != tc.wantErr {
				t.Errorf("got %g, %v", got, err)
			}
		})
	}
}
