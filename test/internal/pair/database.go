package pair

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/driftsentry/driftsentry/test/internal/console"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

// databaseName is the database in the private cluster.
const databaseName = "driftsentry"

func (r *run) startDatabase(ctx context.Context) error {
	if r.DatabaseURL != "" {
		r.database = r.DatabaseURL
		r.Console.Say("Using the PostgreSQL of DATABASE_URL")
		return nil
	}
	cluster, err := localpg.Start(ctx, localpg.Options{
		Dir: filepath.Join(r.Dir, "postgres"),
		Log: func(line string) { r.Console.Say("%s", line) },
	})
	if err != nil {
		return err
	}
	r.cluster = cluster
	r.onClose(func(ctx context.Context) error { return cluster.Stop(ctx) })
	if err := cluster.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	r.database = cluster.DSN(databaseName)
	r.Console.Say("PostgreSQL runs on 127.0.0.1:%d", cluster.Port())
	return nil
}

// databaseAs is the private cluster's database with the rights of a service alone, as in production, so that a right that is missing
// shows here first. In a database of DATABASE_URL the user has what rights it has.
func (r *run) databaseAs(role string) string {
	u, err := url.Parse(r.database)
	if r.cluster == nil || err != nil {
		return r.database
	}
	q := u.Query()
	q.Set("role", role)
	u.RawQuery = q.Encode()
	return u.String()
}

func (r *run) migrate(ctx context.Context) error {
	defer r.Console.Slowly("Migrating the database …")()
	out := r.Console.Source("api", console.Cyan)
	defer out.Close()
	cmd := r.program(ctx, "api", "migrate")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}
