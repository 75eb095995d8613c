package server

import (
	"net/http"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// labelCache holds the label sets of http_requests_total, which are few: routes
// come from the code, methods are known ones.
type labelCache struct{ sets sync.Map }

type labels struct {
	method, route string
	status        int
}

func (c *labelCache) of(method, route string, status int) metric.MeasurementOption {
	key := labels{method, route, status}
	if set, ok := c.sets.Load(key); ok {
		return set.(metric.MeasurementOption)
	}
	set := requestLabels(method, route, status)
	c.sets.Store(key, set)
	return set
}

func requestLabels(method, route string, status int) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("method", method), attribute.String("path", route), attribute.String("status", strconv.Itoa(status))))
}

// activeSets are the label sets of http_server_active_requests, which are few.
var activeSets sync.Map

func activeLabels(r *http.Request) metric.MeasurementOption {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	key := [2]string{methodName(r.Method), scheme}
	if set, ok := activeSets.Load(key); ok {
		return set.(metric.MeasurementOption)
	}
	set := metric.WithAttributeSet(attribute.NewSet(semconv.HTTPRequestMethodKey.String(key[0]), semconv.URLScheme(scheme)))
	activeSets.Store(key, set)
	return set
}
