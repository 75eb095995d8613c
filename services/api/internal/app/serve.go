package app

import (
	"context"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Serve runs the service with the configuration of environ until ctx ends.
func Serve(ctx context.Context, environ []string, b process.Build) error {
	c, err := LoadConfig(environ)
	if err != nil {
		return err
	}
	return process.Serve(ctx, &c.Service, ServiceName, b, func(ctx context.Context, tel *telemetry.Telemetry) (process.Runner, error) {
		return New(ctx, Options{Config: c, Build: b, Telemetry: tel})
	})
}
