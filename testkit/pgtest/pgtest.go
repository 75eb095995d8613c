// Package pgtest gives each test a PostgreSQL database of its own, migrated to the newest schema.
//
// The server is the one of TEST_DATABASE_URL when that is set, as `make test` does, so that all test programs share
// one. Otherwise each test program starts a private one, which needs a TestMain:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// The schema is migrated once per server into a template, and a test's database is a copy of it, which takes some tens
// of milliseconds. There is no way to run without PostgreSQL: a test that cannot have it fails and says what to do.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/localpg"
)

// patience bounds each step that a test waits for.
const patience = 2 * time.Minute

// private is the server of this test program.
var private struct {
	mu      sync.Mutex
	allowed bool // by Main, which will stop it
	dir     string
	cluster *localpg.Cluster
}

// Main runs the tests and then stops the server that they may have started. What the tests share besides is cleaned up
// by after. It does not return.
func Main(m *testing.M, after ...func() error) {
	private.mu.Lock()
	private.allowed = true
	private.mu.Unlock()
	code := m.Run()
	for _, end := range append(after, stopPrivate) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// DSN makes a migrated database for this test and returns its URL. It is dropped when the test ends, with the sessions
// that are still in it.
func DSN(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := serverURL(ctx)
	if err != nil {
		t.Fatal(err)
	}
	template, err := ensureTemplate(ctx, server)
	if err != nil {
		t.Fatalf("prepare the template database: %v", err)
	}
	return copyOf(ctx, t, server, template)
}

// Empty is DSN without the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := serverURL(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return copyOf(ctx, t, server, "template0")
}

// Cluster starts a server for this test alone, one that it may stop, kill and start again. It is gone when the test
// ends. A migrated database `driftsentry` is in it.
func Cluster(t testing.TB) *localpg.Cluster {
	t.Helper()
	c := EmptyCluster(t)
	if err := migrate(t.Context(), c.DSN("driftsentry")); err != nil {
		t.Fatal(err)
	}
	return c
}

// EmptyCluster is Cluster with nothing in the database.
func EmptyCluster(t testing.TB) *localpg.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir, c, err := startCluster(ctx, t.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := discard(context.Background(), dir, c); err != nil {
			t.Error(err)
		}
	})
	if err := c.CreateDatabase(ctx, "driftsentry"); err != nil {
		t.Fatal(err)
	}
	return c
}

// Serve starts a server for other test programs, which get its URL as TEST_DATABASE_URL. stop ends it and removes it.
func Serve(ctx context.Context, log func(string)) (dsn string, stop func(context.Context) error, err error) {
	dir, c, err := startCluster(ctx, func(args ...any) { log(fmt.Sprint(args...)) })
	if err != nil {
		return "", nil, err
	}
	return c.DSN("postgres"), func(ctx context.Context) error { return discard(ctx, dir, c) }, nil
}

func copyOf(ctx context.Context, t testing.TB, server, template string) string {
	t.Helper()
	name := databaseName(t.Name())
	if err := execute(ctx, server, "create database "+quote(name)+" template "+quote(template)); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience) // The test's context is over.
		defer cancel()
		if err := execute(ctx, server, "drop database "+quote(name)+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(server, name)
}

// serverURL is the URL of some database on the server, for those who want to make one.
func serverURL(ctx context.Context) (string, error) {
	if dsn := os.Getenv("TEST_DATABASE_URL"); dsn != "" {
		if _, err := url.Parse(dsn); err != nil {
			return "", errors.New("TEST_DATABASE_URL is not a URL (postgres://user:password@host:port/name)")
		}
		return dsn, nil
	}
	private.mu.Lock()
	defer private.mu.Unlock()
	if !private.allowed {
		return "", errors.New("this test needs PostgreSQL: run it with `make test`, set TEST_DATABASE_URL, " +
			"or add to its package: func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	if private.cluster == nil {
		var err error
		say := func(args ...any) { fmt.Fprintln(os.Stderr, append([]any{"pgtest:"}, args...)...) }
		if private.dir, private.cluster, err = startCluster(ctx, say); err != nil {
			return "", fmt.Errorf("start PostgreSQL for the tests: %w", err)
		}
	}
	return private.cluster.DSN("postgres"), nil
}

func stopPrivate() error {
	private.mu.Lock()
	defer private.mu.Unlock()
	if private.cluster == nil {
		return nil
	}
	return discard(context.Background(), private.dir, private.cluster)
}

func startCluster(ctx context.Context, say func(...any)) (dir string, c *localpg.Cluster, err error) {
	parent, err := os.MkdirTemp("", "driftsentry-test-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	// As root the server runs as another user, who must be able to enter.
	if err := os.Chmod(parent, 0o755); err != nil { //nolint:gosec // see above; what is secret in it has modes of its own
		return "", nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	dir = filepath.Join(parent, "postgres")
	c, err = localpg.Start(ctx, localpg.Options{Dir: dir, Fast: true, Log: func(line string) { say(line) }})
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(parent))
	}
	return dir, c, nil
}

func discard(ctx context.Context, dir string, c *localpg.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return errors.Join(c.Stop(ctx), localpg.Remove(dir), os.RemoveAll(filepath.Dir(dir)))
}

// databaseName makes the test recognisable in pg_stat_activity, within PostgreSQL's 63 bytes.
func databaseName(test string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.TrimPrefix(test, "Test"))
	return strings.ToLower("test_" + clean[:min(len(clean), 30)] + "_" + rand.Text()[:12])
}

func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err) // serverURL has checked it.
	}
	u.Path = "/" + name
	return u.String()
}

func execute(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
