//go:build faults

package faults

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 1, "what TestRandom does is drawn from this number")
	steps = flag.Int("steps", 6, "how many times TestRandom breaks something")
)

// TestRandom breaks things at random, up to two at a time, and does not wait for a recovery. The seed says what is
// broken in which order and what each client does; how these meet is the machine's.
func TestRandom(t *testing.T) {
	r := startRun(t, *seed, "NATS_URL=") // Hints go by NOTIFY here, by NATS in TestMatrix.
	random := rand.New(rand.NewPCG(*seed, 0))
	for range *steps {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r.breakSome(ctx, random)
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	back, err := r.recovered(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d: recovered in %s", *seed, back)
	r.finish()
}

// breakSome does one fault, or two of different parts that overlap, and heals them in any order.
func (r *run) breakSome(ctx context.Context, random *rand.Rand) {
	r.t.Helper()
	var heals []func(context.Context) error
	broken := map[string]bool{}
	for range 1 + random.IntN(2) {
		f := faults[random.IntN(len(faults))]
		if f.part == "" || broken[f.part] {
			continue
		}
		broken[f.part] = true
		heal, err := f.inject(ctx, r)
		if errors.Is(err, errNotHere) {
			r.t.Logf("NOT RUN: %s: %v", f.name, err)
			continue
		}
		if err != nil {
			r.t.Fatalf("%s: %v", f.name, err)
		}
		heals = append(heals, heal)
		r.work.Seen.Take()
		if err := r.meet(ctx); err != nil {
			r.t.Fatalf("%s: %v", f.name, err)
		}
		r.t.Logf("%s: responses %s", f.name, answers(r.work.Seen.Take()))
	}
	if random.IntN(2) == 0 {
		slices.Reverse(heals)
	}
	for _, heal := range heals {
		if err := heal(ctx); err != nil {
			r.t.Fatal(err)
		}
	}
	// Some work between two faults, so that there is something to lose.
	r.work.Seen.Take()
	if err := r.meetWith(ctx, http.StatusCreated, writers); err != nil {
		r.t.Fatal(err)
	}
}
