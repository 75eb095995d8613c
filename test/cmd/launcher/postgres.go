package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

const withPostgresHelp = `Starts a private PostgreSQL for tests, runs the command with its URL in TEST_DATABASE_URL, and stops it. The exit code is
the command's. When TEST_DATABASE_URL is set already, it only runs the command.`

func (a app) withPostgres(args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errors.New("launcher with-postgres needs a command (launcher with-postgres -h)")
	}
	dsn := a.environ("TEST_DATABASE_URL")
	if dsn == "" {
		url, stop, err := pgtest.Serve(a.ctx, func(line string) { fmt.Fprintln(os.Stderr, line) })
		if err != nil {
			return err
		}
		return errors.Join(a.execute(args, url), stop(context.WithoutCancel(a.force)))
	}
	return a.execute(args, dsn)
}

// execute runs the command in our process group, so that Ctrl-C reaches it from the terminal, and waits for its end. A
// signal that reached us alone is passed on.
func (a app) execute(args []string, dsn string) error {
	cmd := exec.CommandContext(a.ctx, args[0], args[1:]...) //nolint:gosec // to run what it is given is what it is for
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+dsn)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", args[0], err)
	}
	defer context.AfterFunc(a.force, func() { _ = cmd.Process.Kill() })() // It fails only when the command has ended.
	err := cmd.Wait()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitCode(max(e.ExitCode(), 1))
	}
	return err
}
