package server

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/metrics"
)

// Expect makes the series that rules read of each route, at 0: Prometheus sees
// no increase in a series that begins with an error. Outcomes are the codes of
// errors with their statuses.
func Expect(i metrics.Instruments, routes chi.Routes, quiet func(*http.Request) bool, outcomes map[string]int) {
	ctx := context.Background()
	zero := func(counter metric.Int64Counter, attrs ...attribute.KeyValue) {
		counter.Add(ctx, 0, metric.WithAttributeSet(attribute.NewSet(attrs...)))
	}
	expect := func(method, route string) {
		path := attribute.String("path", route)
		zero(i.Late, path)
		for code, status := range outcomes {
			if status == statusClientGone {
				continue // The client's doing, which no rule reads.
			}
			zero(i.Errors, attribute.String("code", code), path)
			if status >= http.StatusInternalServerError {
				i.Requests.Add(ctx, 0, requestLabels(method, route, status))
			}
		}
	}
	expect(http.MethodGet, unmatched)
	expect(http.MethodPost, unmatched)
	// It fails only if the function does.
	_ = chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !quiet(&http.Request{Method: method, URL: &url.URL{Path: route}}) {
			expect(method, route)
		}
		return nil
	})
}
