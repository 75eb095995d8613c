package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/schema"
)

// templateLock is the advisory lock under which a template is made; the number is arbitrary.
const templateLock = 0x6472_6966_7474_706c

// templates remembers per server which template is ready, so that only a program's first test asks the server.
var templates = struct {
	mu    sync.Mutex
	ready map[string]string
}{ready: map[string]string{}}

// ensureTemplate makes the migrated template on the server unless it is there, and returns its name. The name holds a
// hash of the migrations: a changed schema gets a new one.
func ensureTemplate(ctx context.Context, server string) (string, error) {
	templates.mu.Lock()
	defer templates.mu.Unlock()
	if name, ok := templates.ready[server]; ok {
		return name, nil
	}
	sum, err := schemaHash()
	if err != nil {
		return "", err
	}
	name := "driftsentry_template_" + sum
	if err := makeTemplate(ctx, server, name); err != nil {
		return "", err
	}
	templates.ready[server] = name
	return name, nil
}

// makeTemplate builds the template under another name and renames it, so that one that exists is complete.
func makeTemplate(ctx context.Context, server, name string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // It gives the lock back.
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return fmt.Errorf("wait for other test programs: %w", err)
	}
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if there {
		return nil
	}
	half := name + "_new"
	for _, sql := range []string{
		"drop database if exists " + quote(half) + " with (force)",
		"create database " + quote(half) + " template template0",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := migrate(ctx, withDatabase(server, half)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "alter database "+quote(half)+" rename to "+quote(name))
	return err
}

func migrate(ctx context.Context, dsn string) error {
	return schema.Migrate(ctx, dsn, slog.New(slog.DiscardHandler))
}

// schemaHash is a short hash of all migrations.
func schemaHash() (string, error) {
	sum := sha256.New()
	files := schema.FS()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(files, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(raw), raw)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
