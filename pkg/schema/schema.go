// Package schema holds the database's migrations and runs them. `api migrate` and every test use it, so
// that no test runs on a schema that production does not have.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var files embed.FS

// FS is the folder of migrations, for callers that need to know whether it changed.
func FS() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // The folder is embedded: if it is missing, this does not compile.
	}
	return sub
}

// Migrate updates the database at dsn to the newest version. It takes a session-level advisory lock, so that several
// replicas that start at the same time wait for each other.
func Migrate(ctx context.Context, dsn string, log *slog.Logger) (err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("read the database URL: %w", err)
	}
	// Timeouts are for requests; a migration may rewrite a table.
	config.RuntimeParams["application_name"] = "driftsentry-migrate"
	db := stdlib.OpenDB(*config)
	defer db.Close()
	return up(ctx, db, log)
}

func up(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, FS(), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		log.InfoContext(ctx, "migrated", "version", r.Source.Version, "duration_ms", r.Duration.Milliseconds())
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if len(results) == 0 {
		log.InfoContext(ctx, "the schema is up to date")
	}
	return nil
}

// Newest is the version of the newest migration.
func Newest() (newest int64) {
	entries, err := fs.ReadDir(FS(), ".")
	if err != nil {
		panic(err) // The folder is embedded.
	}
	for _, e := range entries {
		if version, err := goose.NumericComponent(e.Name()); err == nil {
			newest = max(newest, version)
		}
	}
	return newest
}
