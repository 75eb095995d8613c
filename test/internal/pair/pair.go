// Package pair runs the two services on this machine for a person to try: `make run`. It starts the database, builds
// and starts the services, makes the accounts, receives the telemetry, sends a sample plan and says what to do next.
// Its files are in the folder .run of the checkout.
package pair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/console"
	"github.com/driftsentry/driftsentry/testkit/localpg"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// Options are what a run depends on.
type Options struct {
	Root    string // the checkout
	Dir     string // for the files of the run: .run in the checkout
	Console *console.Console
	// Where the services listen on 127.0.0.1.
	APIPort, RealtimePort int
	// DatabaseURL is used instead of a private cluster, unless it is empty.
	DatabaseURL string
	Environ     []string
}

// stopPatience bounds the stop of everything; the services' own bound is 30 s of work and 5 s of telemetry.
const stopPatience = 45 * time.Second

// run is one run and the parts that it has started so far.
type run struct {
	Options
	secrets  secrets
	database string // its URL
	cluster  *localpg.Cluster
	sink     *otlpsink.Sink
	// traceSource is where the console reads a trace.
	traceSource string
	services    []*child.Process
	closers     []func(context.Context) error
}

// Run starts everything, waits until ctx ends or a part fails, and stops everything in the reverse order. When force
// ends, the remaining programs are killed. The error is nil if ctx ended and everything stopped cleanly.
func Run(ctx, force context.Context, o Options) error {
	r := &run{Options: o}
	if err := r.checkPorts(ctx); err != nil {
		return err
	}
	err := r.up(ctx)
	if err == nil {
		err = r.stay(ctx)
	}
	if ctx.Err() != nil {
		err = nil // The step failed only because ctx ended.
	}
	return errors.Join(err, r.down(force))
}

func (r *run) up(ctx context.Context) error {
	// PostgreSQL does not run as root and must enter this folder; secret files have their own modes.
	if err := os.MkdirAll(r.Dir, 0o755); err != nil { //nolint:gosec // see above
		return fmt.Errorf("make the folder for what a run keeps: %w", err)
	}
	var err error
	if r.secrets, err = loadSecrets(filepath.Join(r.Dir, "secrets.json")); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		r.startDatabase, r.receiveTelemetry, r.build, r.migrate, r.startServices,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	people, fresh, err := r.ensureAccounts(ctx)
	if err != nil {
		return err
	}
	if err := r.sendEstate(ctx, people); err != nil {
		return err
	}
	s, err := r.sendSample(ctx, people)
	if err != nil {
		return err
	}
	r.Console.Block(r.nextSteps(people, fresh, s))
	return nil
}

// stay returns when ctx ends or a part stops running.
func (r *run) stay(ctx context.Context) error {
	over := make(chan error, len(r.services)+1)
	watch := func(done <-chan struct{}, why func() error) {
		go func() {
			select {
			case <-done:
				over <- why()
			case <-ctx.Done():
			}
		}()
	}
	for _, s := range r.services {
		watch(s.Done(), func() error { return ended(s) })
	}
	if r.cluster != nil {
		watch(r.cluster.Done(), func() error {
			return fmt.Errorf("PostgreSQL ended; its log is %s", filepath.Join(r.Dir, "postgres", "postgres.log"))
		})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-over:
		return err
	}
}

// down stops the services together and then the rest in the reverse order of its start.
func (r *run) down(force context.Context) error {
	ctx, cancel := context.WithTimeout(force, stopPatience)
	defer cancel()
	r.Console.Say("Stopping … (Ctrl-C again forces)")
	stops := make(chan error, len(r.services))
	for _, s := range r.services {
		go func() { stops <- s.Stop(ctx) }()
	}
	var problems []error
	for range r.services {
		problems = append(problems, <-stops)
	}
	for _, closer := range slices.Backward(r.closers) {
		problems = append(problems, closer(ctx))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	r.Console.Say("Everything has stopped.")
	return nil
}

func (r *run) onClose(fn func(context.Context) error) { r.closers = append(r.closers, fn) }
