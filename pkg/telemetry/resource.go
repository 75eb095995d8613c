package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// newResource describes the service. What the environment says
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) wins over the code.
func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	attrs := []attribute.KeyValue{semconv.ServiceName(cfg.ServiceName)}
	for key, value := range map[attribute.Key]string{
		semconv.ServiceVersionKey:            cfg.Version,
		semconv.VCSRefHeadRevisionKey:        cfg.Commit,
		semconv.DeploymentEnvironmentNameKey: cfg.Environment,
		semconv.ServiceInstanceIDKey:         cfg.InstanceID,
	} {
		if value != "" {
			attrs = append(attrs, key.String(value))
		}
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(append(attrs, cfg.Resource...)...),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	return res, nil
}

// resourceValue is the attribute's value as text, "" when there is none.
func resourceValue(res *resource.Resource, key attribute.Key) string {
	v, ok := res.Set().Value(key)
	if !ok {
		return ""
	}
	return v.String()
}
