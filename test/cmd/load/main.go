// Command load sends requests to DriftSentry at a given rate while sockets listen, and reports how long
// each took and whether an event was lost: `make load`.
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
	"strings"
	"syscall"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/console"
	"github.com/driftsentry/driftsentry/test/internal/pair"
	"github.com/driftsentry/driftsentry/test/load"
)

const help = `load sends requests to DriftSentry by a schedule drawn in advance, holds sockets open meanwhile, and reports how long each took
and whether an event was lost.

  load                                       the services of ` + "`make run`" + `, for 30 s, within the default limits
  load -list 100/s -approve 1000/m -for 10m  more; start the services with RATE_LIMIT_ENABLED=false for that
  load -api https://drift.example.com -allow drift.example.com
                                             your own installation

It signs in as LOAD_EMAIL with LOAD_PASSWORD; without them, as the engineer of .run/credentials.json. It writes into that user's
account: drifts in two workspaces load-…, decisions about them, events. At the end it resolves the drifts; the audit trail
keeps them. Use a separate account: events of others also count as deliveries.

Latency counts from when a request was due, not from when it could be sent. That of a delivery is from the event's time, set in
its transaction to the millisecond, until the socket has it: between two machines it is only as exact as their clocks.

Exit status: 0, 1 if an event was lost, duplicated or out of order, or a request failed; 2 if the run was not possible.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	fine   = 0
	broken = 1
	failed = 2
)

func run(ctx context.Context, args []string, environ func(string) string, stdout *os.File, stderr io.Writer) int {
	o, err := options(args, environ, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return fine
	}
	screen := console.Open(stdout)
	var result load.Result
	if err == nil {
		o.Note = screen.Say
		result, err = drive(ctx, o.Options, o.every, screen)
	}
	if err != nil {
		fmt.Fprintln(stderr, "load: "+strings.ReplaceAll(err.Error(), "\n", "\nload: "))
		return failed
	}
	screen.Block("\n" + result.Table() + "\n")
	switch {
	case !result.Broken.Whole():
		screen.Block(screen.Paint(console.Red, "✗ An event was lost, duplicated or out of order.") + "\n")
		return broken
	case result.Failed() > 0:
		screen.Block(screen.Paint(console.Red, fmt.Sprintf("✗ %d requests failed.", result.Failed())) + " No event was lost, duplicated or out of order.\n")
		return broken
	}
	screen.Block(screen.Paint(console.Green, "✓ No request failed, and no event was lost, duplicated or out of order.") + "\n")
	return fine
}

// drive does a run. A first Ctrl-C ends sending; the requests already sent are still compared. every is the time between two lines about
// its state; 0 is ten for a run.
func drive(ctx context.Context, o load.Options, every time.Duration, screen *console.Console) (load.Result, error) {
	g, err := load.Start(ctx, o)
	if err != nil {
		return load.Result{}, err
	}
	screen.Say("Sending for %s …", o.Duration)
	progress := time.NewTicker(cmp.Or(max(every, 0), min(max(o.Duration/10, time.Second), 30*time.Second)))
	defer progress.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Drive(ctx)
	}()
	began := time.Now()
	for {
		select {
		case <-progress.C:
			screen.Say("%6s  %s", time.Since(began).Round(time.Second), g.Progress())
			continue
		case <-done:
		}
		break
	}
	return g.Finish(context.WithoutCancel(ctx))
}

// settings are the options of a run, and how often it tells its state.
type settings struct {
	load.Options
	every time.Duration
}

// options reads the flags, and from .run what they leave out.
func options(args []string, environ func(string) string, stdout io.Writer) (settings, error) {
	o := settings{Options: load.Options{
		Rates:    load.Rates{load.List: 5, load.Get: 5, load.Approve: 3, load.Reject: 1, load.Ingest: 0.5},
		Email:    environ("LOAD_EMAIL"),
		Password: environ("LOAD_PASSWORD"),
	}}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // What is wrong is said once.
	usage := func() {
		fmt.Fprint(stdout, help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	}
	api := flags.String("api", "", "`URLs` of the api, separated by commas (default that of make run, or http://127.0.0.1:3001)")
	realtime := flags.String("realtime", "", "`URLs` of realtime, separated by commas (default those of -api; without that, that of make run, or http://127.0.0.1:3002)")
	allow := flags.String("allow", "", "`hosts` besides this machine that are yours to load, separated by commas")
	dir := flags.String("run", cmp.Or(environ("RUN_DIR"), ".run"), "`folder` in which make run keeps its things")
	flags.DurationVar(&o.Duration, "for", 30*time.Second, "how long to send")
	flags.Var(&o.Rates[load.List], "list", "`rate` of pages of drifts: 5/s, 300/m")
	flags.Var(&o.Rates[load.Get], "get", "`rate` of single drifts")
	flags.Var(&o.Rates[load.Approve], "approve", "`rate` of approvals")
	flags.Var(&o.Rates[load.Reject], "reject", "`rate` of rejections")
	flags.Var(&o.Rates[load.Ingest], "ingest", "`rate` of plans")
	flags.IntVar(&o.PlanSize, "plan", 10, "`number` of drifts in each plan; each is an event")
	flags.IntVar(&o.Sockets, "sockets", 50, "`number` of sockets that listen")
	flags.IntVar(&o.Connections, "connections", 64, "`number` of requests that may be under way at once; others wait, and their latency counts")
	flags.DurationVar(&o.Patience, "patience", time.Minute, "how long sockets may take to open, and in the end to have everything")
	flags.DurationVar(&o.every, "every", 0, "time between two lines about the state; 0 is a tenth of the run, but at most 30s")
	flags.Uint64Var(&o.Seed, "seed", 1, "what the schedule is drawn from")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage()
			return o, err
		}
		return o, fmt.Errorf("%w; -h helps", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag; -h lists the flags", flags.Arg(0))
	}
	err := complete(&o.Options, *dir, *api, *realtime, *allow)
	return o, err
}

// complete fills in what the flags leave out.
func complete(o *load.Options, dir, api, realtime, allow string) error {
	info, err := pair.LoadInfo(dir)
	if err != nil && !errors.Is(err, pair.ErrNotRunning) {
		return err
	}
	o.API = strings.Split(cmp.Or(api, info.APIURL, "http://127.0.0.1:3001"), ",")
	o.Realtime = strings.Split(cmp.Or(realtime, api, info.RealtimeURL, "http://127.0.0.1:3002"), ",")
	if allow != "" {
		o.Allow = strings.Split(allow, ",")
	}
	if o.Email == "" {
		credentials, found, err := pair.LoadCredentials(filepath.Join(dir, "credentials.json"))
		if err != nil {
			return err
		}
		if !found {
			return errors.New("no user to sign in as: set LOAD_EMAIL and LOAD_PASSWORD, or start `make run` first")
		}
		o.Email, o.Password = credentials.Engineer.Email, credentials.Engineer.Password
	}
	return nil
}
