package main

import (
	"context"
	"os"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/health"
)

func healthcheck(ctx context.Context, args []string) error {
	if err := flags("healthcheck", "Asks the service on HOST and PORT whether it is ready. Exits with 0 when it is.").parse(args); err != nil {
		return err
	}
	var c struct {
		Host string `env:"HOST"`
		Port string `env:"PORT" envDefault:"3001"`
	}
	if err := config.Load(&c, os.Environ()); err != nil {
		return err
	}
	return health.Probe(ctx, c.Host, c.Port)
}
