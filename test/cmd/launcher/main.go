// Command launcher runs DriftSentry on a developer's machine: it is behind the Makefile's run, watch, trace, test and
// clean.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/console"
	"github.com/driftsentry/driftsentry/testkit/checkout"
)

// command is a subcommand. run gets its arguments without the flags that it has itself.
type command struct {
	name, arguments, summary, details string
	run                               func(app, []string) error
}

func commands() []command {
	return []command{
		{"run", "", "run both services on a private PostgreSQL, with a sample plan sent in", runHelp, app.runPair},
		{"watch", "", "sign in as the viewer and print events as they come", watchHelp, app.watch},
		{"demo", "", "keep changes coming, for the console to show", demoHelp, app.demo},
		{"trace", "[ID]", "print a trace as a tree, or the newest traces", traceHelp, app.trace},
		{"with-postgres", "[--] COMMAND …", "run a command with a PostgreSQL for tests in TEST_DATABASE_URL", withPostgresHelp, app.withPostgres},
		{"clean", "", "remove the files of all runs: database, credentials, programs", cleanHelp, app.clean},
	}
}

// app is the environment of every subcommand.
type app struct {
	root    string // the checkout
	dir     string // the files of runs: .run, or RUN_DIR
	console *console.Console
	stdout  io.Writer
	environ func(string) string
	// ctx ends with the first signal, force with the second.
	ctx, force context.Context
}

// exitCode ends the process with this code and prints nothing: the command has printed its error.
type exitCode int

func (c exitCode) Error() string { return "exit status " + strconv.Itoa(int(c)) }

func main() {
	os.Exit(Main(os.Args[1:]))
}

// Main is the program without its end, for tests.
func Main(args []string) int {
	ctx, force, stop := signals()
	defer stop()
	a := app{console: console.Open(os.Stdout), stdout: os.Stdout, environ: os.Getenv, ctx: ctx, force: force}
	err := a.dispatch(args)
	code := exitCode(1)
	switch {
	case err == nil && force.Err() != nil:
		return 130
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(os.Stderr, console.Open(os.Stderr).Paint(console.Red, "✗ ")+err.Error())
	return 1
}

// sameSignal is how long a second signal counts as the first: make passes a SIGTERM on that its whole group got.
const sameSignal = 500 * time.Millisecond

// signals returns a context that ends with the first SIGINT, SIGTERM or SIGHUP, and one that ends with the second.
func signals() (first, second context.Context, stop func()) {
	first, endFirst := context.WithCancel(context.Background())
	second, endSecond := context.WithCancelCause(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		var since time.Time
		for {
			select {
			case <-received:
			case <-done:
				return
			}
			switch {
			case since.IsZero():
				since = time.Now()
				endFirst()
			case time.Since(since) > sameSignal:
				endSecond(errors.New("forced by a second signal"))
				return
			}
		}
	}()
	return first, second, func() {
		signal.Stop(received)
		close(done)
	}
}

func (a app) dispatch(args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		a.usage()
		return nil
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		rest := args[1:]
		if len(rest) > 0 && (rest[0] == "-h" || rest[0] == "--help") {
			fmt.Fprintf(a.stdout, "launcher %s %s\n\n%s\n", c.name, c.arguments, c.details)
			return nil
		}
		if c.arguments == "" && len(rest) > 0 {
			return fmt.Errorf("launcher %s takes no arguments (launcher %s -h)", c.name, c.name)
		}
		var err error
		if a.root, err = checkout.Root(); err != nil {
			return err
		}
		if a.dir, err = filepath.Abs(cmp.Or(a.environ("RUN_DIR"), filepath.Join(a.root, ".run"))); err != nil {
			return fmt.Errorf("find the files of earlier runs: %w", err)
		}
		return c.run(a, rest)
	}
	a.usage()
	return fmt.Errorf("there is no subcommand %q", args[0])
}

func (a app) usage() {
	fmt.Fprint(a.stdout, "launcher runs DriftSentry on this machine.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(a.stdout, "  %-32s %s\n", c.name+" "+c.arguments, c.summary)
	}
	fmt.Fprint(a.stdout, "\nlauncher SUBCOMMAND -h shows its options. `make help` lists the usual ways to call it.\n")
}
