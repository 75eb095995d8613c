package telemetry_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

func startBenchmark(b *testing.B, ratio float64) *telemetry.Telemetry {
	b.Helper()
	tel, err := telemetry.Start(b.Context(), telemetry.Config{
		ServiceName: "bench", SampleRatio: ratio, Metrics: true, Log: telemetry.LogConfig{Output: io.Discard},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := tel.Shutdown(b.Context()); err != nil {
			b.Error(err)
		}
	})
	return tel
}

// discard is a response without the cost of a recorder.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkHTTP(b *testing.B) {
	quiet := telemetry.HTTPOptions{Quiet: func(*http.Request) bool { return true }}
	for _, bench := range []struct {
		name    string
		ratio   float64
		options telemetry.HTTPOptions
	}{
		{"sampled", 1, telemetry.HTTPOptions{}},
		{"unsampled", 0, telemetry.HTTPOptions{}},
		{"quiet", 1, quiet},
	} {
		b.Run(bench.name, func(b *testing.B) {
			benchmarkHTTP(b, startBenchmark(b, bench.ratio).HTTP(bench.options))
		})
	}
	b.Run("none", func(b *testing.B) {
		benchmarkHTTP(b, func(next http.Handler) http.Handler { return next })
	})
}

func benchmarkHTTP(b *testing.B, middleware func(http.Handler) http.Handler) {
	b.Helper()
	router := chi.NewRouter()
	router.Use(middleware)
	router.Get("/api/v1/drifts/{id}", ok)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c", nil)
	r.Header.Set("User-Agent", "bench/1.0")
	b.ReportAllocs()
	for b.Loop() {
		router.ServeHTTP(discard{http.Header{}}, r)
	}
}

func BenchmarkLogger(b *testing.B) {
	logger := startBenchmark(b, 1).Logger()
	b.ReportAllocs()
	for b.Loop() {
		logger.LogAttrs(b.Context(), slog.LevelInfo, "request",
			slog.String("method", "GET"), slog.String("path", "/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c"),
			slog.String("route", "/api/v1/drifts/{id}"), slog.Int("status", 200), slog.Float64("duration_ms", 1.234), slog.Int64("bytes", 512))
	}
}
