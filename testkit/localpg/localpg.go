// Package localpg runs a private PostgreSQL cluster in a folder, for development and tests: no container engine, no
// configuration, no rights beyond the caller's. It finds PostgreSQL's programs or installs them, makes the cluster at
// the first start, keeps its port and password, and cleans up after a crash.
//
//	absent ──initdb──▶ stopped ──Start──▶ running ──Stop──▶ stopped
//	                      ▲                   │
//	                      └── leftovers ◀─────┘ killed
//
// The server listens on 127.0.0.1 only and asks for a generated password. PostgreSQL refuses to run as root; a root
// caller gets a server that runs as the user `postgres`, or as an unprivileged one.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Superuser is the cluster's owner and the user of every DSN.
const Superuser = "driftsentry"

// Options say where the cluster lives and how it is to behave.
type Options struct {
	// Dir is the cluster's folder. It is made when it is missing.
	Dir string
	// Log gets a line for whatever takes a second or would surprise. Nil is silent.
	Log func(string)
	// Fast trades durability for speed: a crash of the machine loses the data. For tests.
	Fast bool
}

// Cluster is a PostgreSQL server of our own. Its methods may be called from several goroutines.
type Cluster struct {
	opts     Options
	dir      string
	home     string
	owner    *owner
	programs programs
	state    state

	mu     sync.Mutex
	server *server
}

// Start makes the cluster if there is none, starts it and returns when it responds. A server that an earlier process
// left running is stopped first.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	if opts.Log == nil {
		opts.Log = func(string) {}
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the cluster's folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cluster's folder: %w", err)
	}
	c := &Cluster{opts: opts, dir: dir, home: home(dir)}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		unlock()
		return nil, err
	}
	if err := c.start(ctx, unlock, true); err != nil {
		unlock()
		return nil, err
	}
	return c, nil
}

// prepare brings the folder to the state `stopped`.
func (c *Cluster) prepare(ctx context.Context) error {
	var err error
	if c.state, err = readState(c.dir); err != nil {
		return err
	}
	if c.owner, err = c.findOwner(); err != nil {
		return err
	}
	want, err := c.dataVersion()
	if err != nil {
		return err
	}
	if want == 0 {
		if err := c.relocate(ctx); err != nil {
			return err
		}
	}
	if c.programs, err = c.finder().find(ctx, want); err != nil {
		return err
	}
	if want == 0 {
		return c.initialise(ctx)
	}
	return c.clearLeftovers(ctx)
}

// DSN is the URL of a database in the cluster, with the password in it.
func (c *Cluster) DSN(database string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dsn(database)
}

func (c *Cluster) dsn(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(Superuser, c.state.Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Port)), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the TCP port on 127.0.0.1.
func (c *Cluster) Port() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Port
}

// CreateDatabase makes the database unless it is there.
func (c *Cluster) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P04" { // duplicate_database
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the database %s: %w", name, err)
	}
	return nil
}

// Done is closed when the running server ends, for whatever reason. It is nil while the cluster is stopped.
func (c *Cluster) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	return c.server.done
}

// Stop ends the sessions, writes everything to disk and waits for the server's end. When ctx ends first, the server is
// killed; the next start recovers. Stopping a stopped cluster is not an error.
func (c *Cluster) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop(ctx, fastShutdown)
}

// StopImmediate ends the server as a crash would: sessions break, and the next start recovers from the log.
func (c *Cluster) StopImmediate(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop(ctx, immediateShutdown)
}

// Restart starts a stopped cluster, or stops and starts a running one, on the same port, so that its DSNs still hold.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stop(ctx, fastShutdown); err != nil {
		return err
	}
	unlock, err := lockDir(c.dir)
	if err != nil {
		return err
	}
	if err := c.clearLeftovers(ctx); err != nil {
		unlock()
		return err
	}
	if err := c.start(ctx, unlock, false); err != nil {
		unlock()
		return err
	}
	return nil
}

func (c *Cluster) say(format string, args ...any) { c.opts.Log(fmt.Sprintf(format, args...)) }

// slowly says what is going on when it takes more than a second.
func (c *Cluster) slowly(format string, args ...any) (stop func()) {
	timer := time.AfterFunc(time.Second, func() { c.say(format, args...) })
	return func() { timer.Stop() }
}
