package app

import (
	"math"
	"testing"
)

// TestCapacity: as many sockets as the memory does for. Mutations: the smaller of both not taken; no limit where 0 is configured.
func TestCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		configured int
		memory     int64
		want       int
	}{
		"without a limit of memory":                 {20_000, math.MaxInt64, 20_000},
		"no limit at all":                           {0, math.MaxInt64, 0},
		"the container of docker-compose.prod.yml":  {20_000, 230 << 20, 11_648},
		"fewer are configured":                      {500, 230 << 20, 500},
		"no limit is configured, but one of memory": {0, 230 << 20, 11_648},
		"hardly any memory":                         {20_000, 10 << 20, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := capacity(c.configured, c.memory); got != c.want {
				t.Errorf("%d sockets, want %d", got, c.want)
			}
		})
	}
}
