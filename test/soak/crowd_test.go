//go:build soak

package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/driftsentry/driftsentry/test/load"
)

// The crowd is 10,000 sockets of ten accounts, which make 1,000 decisions a minute together.
const (
	accounts       = 10
	socketsOfEach  = 1000
	crowd          = accounts * socketsOfEach
	measured       = time.Minute
	decisionsInAll = 1000 // a minute
)

// TestCrowd holds 10,000 sockets open on one realtime, first idle and then with events, and reports their cost. Nothing
// is lost, and when they have gone, nothing of them is left.
func TestCrowd(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < crowd+1000 {
		t.Skipf("NOT RUN: %d sockets need as many file descriptors, and this process may have %d (%v): ulimit -n %d", crowd, limit.Cur, err, 2*crowd)
	}
	p := startPair(t, accounts)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience+4*measured)
	defer cancel()
	// One socket of each account comes and goes first: what an account costs is not what a socket does.
	p.crowd(ctx, t, 1, time.Second)
	base := awaitQuiet(ctx, t, p.Realtime)
	t.Logf("without sockets: %s", base)

	generators := p.open(ctx, t, socketsOfEach, measured)
	idle := awaitQuiet(ctx, t, p.Realtime)
	const kibi = 1 << 10
	t.Logf("%d idle sockets: %s; %.1f KiB resident for each", crowd, idle, (idle.resident-base.resident)/crowd/kibi)
	began := time.Now()
	wait(ctx, t, measured)
	later, err := usageOf(ctx, p.Realtime)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("idle for a minute, with heartbeats: %.2f %% of a core", 100*(later.cpu-idle.cpu)/time.Since(began).Seconds())

	before, err := usageOf(ctx, p.Realtime)
	if err != nil {
		t.Fatal(err)
	}
	results := drive(ctx, t, generators)
	after, err := usageOf(ctx, p.Realtime)
	if err != nil {
		t.Fatal(err)
	}
	var deliveries, events int64
	worst := results[0]
	for _, r := range results {
		deliveries += r.Delivery.Count
		events += r.Events
		if r.Delivery.P99 > worst.Delivery.P99 {
			worst = r
		}
	}
	t.Logf("%d events to %d sockets, %d deliveries in %s: %.1f µs of realtime's CPU for each, %.0f %% of a core; resident %.1f KiB for a socket",
		events, crowd, deliveries, measured, 1e6*(after.cpu-before.cpu)/float64(deliveries), 100*(after.cpu-before.cpu)/measured.Seconds(),
		(after.resident-base.resident)/crowd/kibi)
	t.Logf("the account with the slowest deliveries:\n%s", worst.Table())
	if u, err := await(ctx, p.Realtime, func(u usage) error { return u.gone(base) }); err != nil {
		t.Error(err)
	} else {
		t.Logf("when they have gone: %s", u)
	}
}

// crowd opens sockets for each account, and lets decisions be made.
func (p *pair) crowd(ctx context.Context, t *testing.T, sockets int, d time.Duration) {
	t.Helper()
	drive(ctx, t, p.open(ctx, t, sockets, d))
}

func (p *pair) open(ctx context.Context, t *testing.T, sockets int, d time.Duration) []*load.Generator {
	t.Helper()
	generators := make([]*load.Generator, accounts)
	errs := make([]error, accounts)
	var wg sync.WaitGroup
	for i := range generators {
		o := p.options(t, i)
		o.Duration, o.Sockets, o.Connections = d, sockets, 8
		o.Rates = load.Rates{load.Approve: decisionsInAll / 60.0 / 2 / accounts, load.Reject: decisionsInAll / 60.0 / 2 / accounts}
		wg.Go(func() { generators[i], errs[i] = load.Start(ctx, o) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return generators
}

// drive runs all generators, and checks their results.
func drive(ctx context.Context, t *testing.T, generators []*load.Generator) []load.Result {
	t.Helper()
	results := make([]load.Result, len(generators))
	errs := make([]error, len(generators))
	var wg sync.WaitGroup
	for i, g := range generators {
		wg.Go(func() {
			g.Drive(ctx)
			results[i], errs[i] = g.Finish(ctx)
		})
	}
	wg.Wait()
	for i, r := range results {
		if errs[i] != nil {
			t.Fatal(fmt.Errorf("account %d: %w", i, errs[i]))
		}
		expectWhole(t, r)
	}
	return results
}

// wait is for what is measured over time.
func wait(ctx context.Context, t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		t.Fatal(context.Cause(ctx))
	}
}
