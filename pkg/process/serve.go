package process

import (
	"context"
	"errors"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Runner is a service that has been put together.
type Runner interface {
	Run(ctx context.Context) error
}

// Serve runs the service that build makes until ctx ends. Telemetry starts first and stops last, since the last spans are
// made while everything else stops.
func Serve(ctx context.Context, c *Config, name string, b Build, build func(context.Context, *telemetry.Telemetry) (Runner, error)) error {
	settings, err := c.Telemetry(name, b)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, settings)
	if err != nil {
		return err
	}
	service, err := build(ctx, tel)
	if err == nil {
		err = service.Run(ctx)
	}
	if err != nil {
		tel.Logger().Log(ctx, telemetry.LevelFatal, "the service has failed", "error.message", err.Error())
	}
	return errors.Join(err, tel.Shutdown(ctx))
}
