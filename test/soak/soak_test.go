//go:build soak

package soak

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/load"
)

var (
	length  = flag.Duration("for", 10*time.Minute, "how long TestSoak lasts")
	sockets = flag.Int("sockets", 200, "how many sockets listen in TestSoak")
)

// TestSoak works in rounds: sockets come, 1,000 decisions a minute are made, lists read and plans sent, the sockets go.
// After each round both services hold no more than after the first, and in none was anything lost.
//
// Mutations that it caught, each alone, in realtime: a goroutine for each socket that stays ("goroutines"); 20 KiB of
// each socket that are never freed ("memory").
func TestSoak(t *testing.T) {
	p := startPair(t, 1)
	rounds := min(max(int(*length/time.Minute), 4), 10)
	o := p.options(t, 0)
	o.Duration = *length / time.Duration(rounds)
	o.Rates = load.Rates{load.List: 10, load.Get: 10, load.Approve: 500.0 / 60, load.Reject: 500.0 / 60, load.Ingest: 0.5}
	o.Sockets = *sockets
	var base [2]usage
	var requests int
	var deliveries, events int64
	for round := range rounds {
		ctx, cancel := context.WithTimeout(t.Context(), *length+patience)
		r := work(ctx, t, o)
		requests += r.Sent()
		deliveries += r.Delivery.Count
		events += r.Events
		t.Logf("round %d of %d, %s: %d requests, %d events to %d sockets; p99 of approvals %s, of deliveries %s; %s", round+1, rounds, o.Duration,
			r.Sent(), r.Events, r.Sockets, p99(r, load.Approve), r.Delivery.P99, r.Broken)
		for i, service := range p.Services() {
			var u usage
			if round == 0 {
				u = awaitQuiet(ctx, t, service)
				base[i] = u
			} else {
				var err error
				if u, err = await(ctx, service, func(u usage) error { return u.within(base[i]) }); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("  %s: %s", service.Name, u)
		}
		p.expectNoTransactionOpen(ctx, t)
		cancel()
		o.Seed++
	}
	t.Logf("%d requests, %d events in %d deliveries: nothing was lost, nothing grew", requests, events, deliveries)
}

func p99(r load.Result, op load.Operation) time.Duration {
	for _, o := range r.Operations {
		if o.Operation == op {
			return o.Latency.P99
		}
	}
	return 0
}

// work does one load; no request of it may fail, and nothing be lost.
func work(ctx context.Context, t *testing.T, o load.Options) load.Result {
	t.Helper()
	g, err := load.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	g.Drive(ctx)
	r, err := g.Finish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expectWhole(t, r)
	return r
}

func expectWhole(t *testing.T, r load.Result) {
	t.Helper()
	if r.Failed() > 0 || !r.Broken.Whole() || r.Delivery.Count != r.Events*int64(r.Sockets)+r.Repeated {
		t.Errorf("something failed or was lost:\n%s", r.Table())
	}
}
