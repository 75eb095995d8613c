package localpg

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Standby copies the running cluster into another folder, and starts the copy as an asynchronous standby of it.
func (c *Cluster) Standby(ctx context.Context, opts Options) (*Cluster, error) {
	if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the standby's folder: %w", err)
	}
	data := filepath.Join(opts.Dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the standby's data folder: %w", err)
	}
	if err := c.owner.give(data); err != nil {
		return nil, fmt.Errorf("give the standby's data folder to %s: %w", c.owner.name, err)
	}
	if err := (state{Password: c.state.Password}).save(opts.Dir); err != nil {
		return nil, err
	}
	cmd := c.command(ctx, c.programs.path("pg_basebackup"), "--pgdata="+data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
		"--dbname="+c.DSN("postgres"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, tail(strings.TrimSpace(string(out)), 10))
	}
	return Start(ctx, opts)
}

// Address is where the server listens.
func (c *Cluster) Address() string {
	u, err := url.Parse(c.DSN("postgres"))
	if err != nil {
		return "127.0.0.1:" + strconv.Itoa(c.Port())
	}
	return u.Host
}

// Snapshot copies the data folder, for which it stops the server, and gives what puts the copy back. Both leave it running.
func (c *Cluster) Snapshot(ctx context.Context) (putBack func(context.Context) error, err error) {
	saved := c.data() + ".snapshot"
	swap := func(ctx context.Context, from, to string) error {
		if err := c.Stop(ctx); err != nil {
			return err
		}
		if out, err := c.command(ctx, "cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
			return fmt.Errorf("copy the data: %w\n%s", err, out)
		}
		return c.Restart(ctx)
	}
	if err := c.emptyFolder(saved); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := c.Stop(ctx); err != nil {
			return err
		}
		if err := c.emptyFolder(c.data()); err != nil {
			return err
		}
		return swap(ctx, saved, c.data())
	}, swap(ctx, c.data(), saved)
}

func (c *Cluster) emptyFolder(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty a folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("empty a folder: %w", err)
	}
	return c.owner.give(dir)
}
