// Package resource describes the service that emits the signals.
package resource

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Service is what the code knows of the service.
type Service struct {
	Name, Version, Commit, Environment, InstanceID string
	More                                           []attribute.KeyValue
}

// New describes the service. What the environment says (OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES) wins over the code. With an error the description is
// usable, and lacks what could not be read.
func New(ctx context.Context, s Service) (*sdkresource.Resource, error) {
	attrs := []attribute.KeyValue{semconv.ServiceName(s.Name)}
	for key, value := range map[attribute.Key]string{
		semconv.ServiceVersionKey:            s.Version,
		semconv.VCSRefHeadRevisionKey:        s.Commit,
		semconv.DeploymentEnvironmentNameKey: s.Environment,
		semconv.ServiceInstanceIDKey:         s.InstanceID,
	} {
		if value != "" {
			attrs = append(attrs, key.String(value))
		}
	}
	res, err := sdkresource.New(ctx,
		sdkresource.WithTelemetrySDK(),
		sdkresource.WithHost(),
		sdkresource.WithAttributes(append(attrs, s.More...)...),
		sdkresource.WithFromEnv(),
	)
	if err != nil {
		err = fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return res, err
}

// Page describes the console in a browser, which this service speaks for: of the service it has the version and the environment.
func Page(res *sdkresource.Resource) *sdkresource.Resource {
	attrs := []attribute.KeyValue{semconv.ServiceName("driftsentry-console")}
	for _, key := range []attribute.Key{semconv.ServiceVersionKey, semconv.VCSRefHeadRevisionKey, semconv.DeploymentEnvironmentNameKey} {
		if v, ok := res.Set().Value(key); ok {
			attrs = append(attrs, attribute.KeyValue{Key: key, Value: v})
		}
	}
	return sdkresource.NewSchemaless(attrs...)
}

// Value is the attribute's value as text, "" when there is none.
func Value(res *sdkresource.Resource, key attribute.Key) string {
	v, ok := res.Set().Value(key)
	if !ok {
		return ""
	}
	return v.String()
}
