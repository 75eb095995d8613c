package app

import (
	"context"
	"errors"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Serve runs the service until ctx ends. Telemetry starts first and stops last, since the last spans are made while
// everything else stops.
func Serve(ctx context.Context, c *Config, b Build) error {
	settings, err := c.Service.Telemetry(ServiceName, b.Version, b.Commit)
	if err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, settings)
	if err != nil {
		return err
	}
	err = serve(ctx, Options{Config: c, Build: b, Telemetry: tel})
	if err != nil {
		tel.Logger().Log(ctx, telemetry.LevelFatal, "the service has failed", "error.message", err.Error())
	}
	return errors.Join(err, tel.Shutdown(ctx))
}

func serve(ctx context.Context, o Options) error {
	app, err := New(ctx, o)
	if err != nil {
		return err
	}
	return app.Run(ctx)
}
