package localpg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// initialise makes the cluster's data. It is built under another name and then renamed: a crash on the way leaves no
// half-made cluster under the real one.
func (c *Cluster) initialise(ctx context.Context) error {
	defer c.slowly("Making a PostgreSQL %d database in %s …", c.programs.version, c.data())()
	// The password is kept before the data knows it: the other order could leave data without one.
	if err := c.state.save(c.dir); err != nil {
		return err
	}
	fresh := c.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove a half-made database: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := c.owner.give(fresh); err != nil {
		return fmt.Errorf("give the data folder to %s: %w", c.owner.name, err)
	}
	secret := filepath.Join(c.home, "password")
	defer os.Remove(secret)
	if err := os.WriteFile(secret, []byte(c.state.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("hand the password to initdb: %w", err)
	}
	if err := c.owner.give(secret); err != nil {
		return fmt.Errorf("hand the password to initdb: %w", err)
	}
	args := []string{
		"--pgdata=" + fresh, "--username=" + Superuser, "--pwfile=" + secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
	}
	if c.opts.Fast {
		args = append(args, "--no-sync")
	}
	out, err := c.command(ctx, c.programs.path("initdb"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, tail(strings.TrimSpace(string(out)), 10))
	}
	if err := os.Rename(fresh, c.data()); err != nil {
		return fmt.Errorf("put the data in place: %w", err)
	}
	return nil
}

// tail is the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
