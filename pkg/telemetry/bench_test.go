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
	for name, middleware := range map[string]func(*testing.B) func(http.Handler) http.Handler{
		"none": func(*testing.B) func(http.Handler) http.Handler {
			return func(h http.Handler) http.Handler { return h }
		},
		"sampled": func(b *testing.B) func(http.Handler) http.Handler {
			return startBenchmark(b, 1).HTTP(telemetry.HTTPOptions{})
		},
		"unsampled": func(b *testing.B) func(http.Handler) http.Handler {
			return startBenchmark(b, 0).HTTP(telemetry.HTTPOptions{})
		},
		"quiet": func(b *testing.B) func(http.Handler) http.Handler {
			return startBenchmark(b, 1).HTTP(telemetry.HTTPOptions{Quiet: func(*http.Request) bool { return true }})
		},
	} {
		b.Run(name, func(b *testing.B) {
			router := chi.NewRouter()
			router.Use(middleware(b))
			router.Get("/api/v1/drifts/{id}", ok)
			r := httptest.NewRequest(http.MethodGet, "/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c", nil)
			r.Header.Set("User-Agent", "bench/1.0")
			b.ReportAllocs()
			for b.Loop() {
				router.ServeHTTP(discard{http.Header{}}, r)
			}
		})
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
