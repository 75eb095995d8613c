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

// Settings is a service's whole configuration.
type Settings interface {
	// Common is the part that means the same in each service.
	Common() *Config
}

// Serve runs the service that build makes from the configuration of environ, until ctx ends. Telemetry starts first and
// stops last, since the last spans are made while everything else stops.
func Serve[S Settings](
	ctx context.Context, environ []string, name string, b Build,
	load func(environ []string) (S, error), build func(context.Context, S, *telemetry.Telemetry) (Runner, error),
) error {
	c, err := load(environ)
	if err != nil {
		return err
	}
	settings, err := c.Common().Telemetry(name, b)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, settings)
	if err != nil {
		return err
	}
	service, err := build(ctx, c, tel)
	if err == nil {
		err = service.Run(ctx)
	}
	if err != nil {
		tel.Logger().Log(ctx, telemetry.LevelFatal, "the service has failed", "error.message", err.Error())
	}
	return errors.Join(err, tel.Shutdown(ctx))
}
