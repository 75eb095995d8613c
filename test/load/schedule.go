package load

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// arrival is a request that is due, counted from the beginning.
type arrival struct {
	due time.Duration
	op  Operation
}

// schedule draws when each request is due: each operation has its rate, independent of all others and of the results
// of earlier requests, like the requests of people and CI (a Poisson process).
func schedule(o Options) []arrival {
	random := rand.New(rand.NewPCG(o.Seed, 0)) //nolint:gosec // Replayable.
	var all []arrival
	for op, rate := range o.Rates {
		if rate == 0 {
			continue
		}
		for at := 0.0; ; {
			at += random.ExpFloat64() / float64(rate)
			if at >= o.Duration.Seconds() {
				break
			}
			all = append(all, arrival{time.Duration(at * float64(time.Second)), Operation(op)})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.due, b.due) })
	return all
}
