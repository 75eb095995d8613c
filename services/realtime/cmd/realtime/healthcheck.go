package main

import (
	"context"
	"os"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/health"
)

func healthcheck(ctx context.Context) error {
	var c struct {
		Host string `env:"HOST"`
		Port string `env:"PORT" envDefault:"3002"`
	}
	if err := config.Load(&c, os.Environ()); err != nil {
		return err
	}
	return health.Probe(ctx, c.Host, c.Port)
}
