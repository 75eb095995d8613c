// Command driftsentry sends plans to DriftSentry, and shows and decides drifts.
package main

import (
	"cmp"
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/driftsentry/driftsentry/cli/internal/command"
	"github.com/driftsentry/driftsentry/cli/internal/runner"
)

// version is set with -ldflags; without it, Go's own build information says it.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := command.Run(ctx, command.Environment{
		Version: built(), Getenv: os.Getenv, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Job: runner.FromHere(),
	}, os.Args[1:])
	stop()
	os.Exit(status)
}

func built() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(version, info.Main.Version)
	}
	return cmp.Or(version, "unknown")
}
