package server

import (
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
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
	set := metric.WithAttributeSet(attribute.NewSet(
		attribute.String("method", method), attribute.String("path", route), attribute.String("status", strconv.Itoa(status))))
	c.sets.Store(key, set)
	return set
}
