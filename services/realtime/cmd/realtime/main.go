// Command realtime is the DriftSentry service that brings events to browsers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
)

// Set by the linker: -ldflags "-X main.version=1.2.3 -X main.commit=abc". What is not set comes from the build itself.
var version, commit string

const usage = `realtime brings what happens in an account to its open sockets.

  realtime [serve]       serve until SIGINT or SIGTERM; a second signal forces
  realtime healthcheck   exit with 0 when the service of this machine is ready
  realtime version       say what this is

The configuration is in environment variables, which .env.example lists.
`

// errUsage says that the command line was wrong, and that this has been told already.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// The next signal finds the default behaviour, which is to end at once.
	context.AfterFunc(ctx, stop)
	os.Exit(exitCode(run(ctx, os.Args[1:])))
}

// exitCode tells the error, if there is one.
func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(os.Stderr, "realtime:", err)
	return 1
}

func run(ctx context.Context, args []string) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve":
		if err := noArguments(name, "Serves until SIGINT or SIGTERM. Clients are told to reconnect; a second signal forces.", args); err != nil {
			return err
		}
		config, err := app.LoadConfig(os.Environ())
		if err != nil {
			return err
		}
		return app.Serve(ctx, config, build())
	case "healthcheck":
		if err := noArguments(name, "Asks the service on HOST and PORT whether it is ready. Exits with 0 when it is.", args); err != nil {
			return err
		}
		return healthcheck(ctx)
	case "version", "-version", "--version":
		b := build()
		_, err := fmt.Printf("realtime %s (%s)\n", b.Version, b.Commit)
		return err
	case "-h", "-help", "--help", "help":
		_, err := os.Stdout.WriteString(usage)
		return err
	}
	fmt.Fprintf(os.Stderr, "realtime: there is no command %q\n\n%s", name, usage)
	return errUsage
}

// noArguments answers -h. No command takes anything else.
func noArguments(command, about string, args []string) error {
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Printf("realtime %s\n\n%s\n", command, about)
		return err
	case err != nil || set.NArg() > 0:
		fmt.Fprintf(os.Stderr, "realtime %s takes no arguments\n\n%s", command, usage)
		return errUsage
	}
	return nil
}

// build is what this program was built from.
func build() app.Build {
	b := app.Build{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && b.Commit == "" {
			b.Commit = setting.Value
		}
	}
	return b
}
