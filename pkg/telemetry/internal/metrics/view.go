package metrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// httpBuckets are the boundaries in seconds that the semantic conventions give
// for http.server.request.duration, and one for the timeout of requests.
var httpBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30}

// fastBuckets are for what takes milliseconds and ends after some seconds.
var fastBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// ofJobs are the labels of jobs.
var ofJobs = attribute.NewAllowKeysFilter("queue", "status")

// views correct what the instrumentation libraries measure.
func views() []sdkmetric.View {
	seconds := func(name string, boundaries []float64) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: name},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: boundaries}})
	}
	drop := func(name string) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	}
	return []sdkmetric.View{
		// Server address and port come from the Host header, so a client could
		// make as many series as it liked.
		sdkmetric.NewView(
			sdkmetric.Instrument{Name: "http.server.request.duration"},
			sdkmetric.Stream{
				Aggregation:                       sdkmetric.AggregationExplicitBucketHistogram{Boundaries: httpBuckets},
				AttributeFilter:                   attribute.NewDenyKeysFilter(semconv.ServerAddressKey, semconv.ServerPortKey, semconv.NetworkProtocolNameKey),
				ExemplarReservoirProviderSelector: bareExemplars,
			}),
		// Two more histograms per route cost more than they tell: sizes are on
		// the span and the access line.
		drop("http.server.request.body.size"),
		drop("http.server.response.body.size"),
		// Of jobs of River: its attempts are many, and the gauge says less than the histogram.
		sdkmetric.NewView(sdkmetric.Instrument{Name: "river.work_count"}, sdkmetric.Stream{AttributeFilter: ofJobs}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "river.work_duration_histogram"}, sdkmetric.Stream{
			AttributeFilter: ofJobs, Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: httpBuckets},
			ExemplarReservoirProviderSelector: bareExemplars,
		}),
		drop("river.work_duration"),
		// These record seconds without saying so, and would get the SDK's default
		// boundaries, which are for milliseconds.
		seconds("otel.sdk.exporter.operation.duration", fastBuckets),
		seconds("otel.sdk.metric_reader.collection.duration", fastBuckets),
	}
}

// bareExemplars keeps the attributes that a view dropped out of the exemplars
// too. Prometheus allows an exemplar 128 characters of labels: with a long Host
// header in it, the bucket's exemplars would be refused as a whole.
func bareExemplars(sdkmetric.Aggregation) exemplar.ReservoirProvider {
	return func(attribute.Set) exemplar.Reservoir {
		return bareReservoir{exemplar.NewHistogramReservoir(httpBuckets)}
	}
}

type bareReservoir struct{ *exemplar.HistogramReservoir }

func (r bareReservoir) Offer(ctx context.Context, t time.Time, v exemplar.Value, _ []attribute.KeyValue) {
	r.HistogramReservoir.Offer(ctx, t, v, nil)
}
