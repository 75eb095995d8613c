package app

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/schema"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
)

// operatorConfig is what the commands for operators need: no secret but the database's.
type operatorConfig struct {
	Database  pg.Config
	LogFormat string `env:"LOG_FORMAT" envDefault:"pretty"`
}

// Validate implements config.Validator.
func (c *operatorConfig) Validate() []error { return c.Database.Validate() }

// asOperator runs fn with the database's configuration, and with telemetry that is only written to out.
func asOperator(ctx context.Context, environ []string, b process.Build, out io.Writer, fn func(*operatorConfig, *telemetry.Telemetry) error) error {
	var c operatorConfig
	if err := config.Load(&c, environ); err != nil {
		return err
	}
	tel, err := telemetry.Start(ctx, telemetry.Config{
		ServiceName: ServiceName, Version: b.Version, Commit: b.Commit, Disabled: true,
		Log: telemetry.LogConfig{Format: c.LogFormat, Output: out},
	})
	if err != nil {
		return err
	}
	return errors.Join(fn(&c, tel), tel.Shutdown(ctx))
}

// Migrate brings the database to the newest schema.
func Migrate(ctx context.Context, environ []string, b process.Build, out io.Writer) error {
	return asOperator(ctx, environ, b, out, func(c *operatorConfig, tel *telemetry.Telemetry) error {
		return schema.Migrate(ctx, c.Database.Direct().Reveal(), tel.Logger())
	})
}

// redactConfig has no default for the environment: data that is masked with the wrong key can't be compared any more, so an
// operator must ask for the public key.
type redactConfig struct {
	Environment config.Environment `env:"APP_ENV"`
	KeyConfig
}

// Validate implements config.Validator.
func (c *redactConfig) Validate() []error { return c.check(c.Environment) }

// Redact applies the present rules of redaction to the stored data.
func Redact(ctx context.Context, environ []string, b process.Build, out io.Writer) error {
	var key redactConfig
	if err := config.Load(&key, environ); err != nil {
		return err
	}
	key.setDefault()
	return asOperator(ctx, environ, b, out, func(c *operatorConfig, tel *telemetry.Telemetry) error {
		db, err := pg.Open(ctx, c.Database, ServiceName+"-redact", tel)
		if err != nil {
			return err
		}
		defer db.Close()
		responses, err := idempotency.NewKeeper(postgres.NewIdempotencyStore(db), key.DataKey.Reveal(), key.DataKeyPrevious.Reveal(), time.Minute)
		if err != nil {
			return err
		}
		return scrub.New(postgres.NewScrubStore(db), responses, key.DataKey.Reveal(), tel).Again(ctx)
	})
}

// WithSeals gives fn the seals of the audit trail, for the commands about them.
func WithSeals(ctx context.Context, environ []string, b process.Build, out io.Writer, fn func(*postgres.SealStore) error) error {
	return asOperator(ctx, environ, b, out, func(c *operatorConfig, tel *telemetry.Telemetry) error {
		db, err := pg.Open(ctx, c.Database, ServiceName+"-audit", tel)
		if err != nil {
			return err
		}
		defer db.Close()
		return fn(postgres.NewSealStore(db))
	})
}

// WithIdentity runs fn with the users of the database.
func WithIdentity(ctx context.Context, environ []string, b process.Build, out io.Writer, fn func(*identity.Service) error) error {
	return asOperator(ctx, environ, b, out, func(c *operatorConfig, tel *telemetry.Telemetry) error {
		db, err := pg.Open(ctx, c.Database, ServiceName+"-user", tel)
		if err != nil {
			return err
		}
		defer db.Close()
		users, err := identity.New(identity.Config{Store: postgres.NewIdentityStore(db), Meter: tel.Meter()})
		if err != nil {
			return err
		}
		return fn(users)
	})
}
