package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// A service adopts telemetry in ten lines: start it, wrap the handler, serve the
// metrics, shut it down. Endpoints, headers and sampling come from the OTEL_*
// variables.
func Example() {
	tel, err := telemetry.Start(context.Background(), telemetry.Config{
		ServiceName: "billing", SampleRatio: 1, Metrics: true,
		Log: telemetry.LogConfig{Output: os.Stderr},
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", tel.MetricsHandler())
	mux.HandleFunc("GET /invoices/{id}", func(w http.ResponseWriter, r *http.Request) {
		tel.Logger().InfoContext(r.Context(), "invoice read", "id", r.PathValue("id"))
		fmt.Fprint(w, telemetry.TraceID(r.Context()))
	})
	handler := tel.HTTP(telemetry.HTTPOptions{})(mux)

	// What a caller sees: the response's trace ID is its correlation ID.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/invoices/42", nil))
	fmt.Println(w.Code, len(w.Body.String()), w.Header().Get("X-Correlation-ID") == w.Body.String())
	// Output: 200 32 true
}
