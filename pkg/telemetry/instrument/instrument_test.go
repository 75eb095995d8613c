package instrument_test

import (
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
)

func TestMaker_Err(t *testing.T) {
	in := instrument.From(sdkmetric.NewMeterProvider().Meter("test"))
	in.Counter(instrument.Counter{Name: "good"})
	if err := in.Err(); err != nil {
		t.Fatalf("a good name: %v", err)
	}
	in.Counter(instrument.Counter{Name: "a bad name"}).Add(t.Context(), 1)
	in.Histogram(instrument.Histogram{Name: "good.too"}).Record(t.Context(), 1)
	if err := in.Err(); err == nil || !strings.Contains(err.Error(), "a bad name") {
		t.Errorf("got %v, want an error that names the instrument", err)
	}
}
