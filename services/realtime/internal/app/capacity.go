package app

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// What memory is for. An idle socket takes 9.5 KiB (docs/performance.md); more waits for one that reads slowly.
const (
	memoryOfSocket = 16 << 10
	memoryOfRest   = 48 << 20
)

// capacity is how many sockets may be open: as many as are configured, or fewer where the memory that Go may use (GOMEMLIMIT, in
// bytes; math.MaxInt64 without one) would not do for them. 0 sockets configured is no limit but that one.
func capacity(configured int, memory int64) int {
	if memory == math.MaxInt64 {
		return configured
	}
	fit := int(max((memory-memoryOfRest)/memoryOfSocket, 1))
	if configured == 0 {
		return fit
	}
	return min(configured, fit)
}

// total is the capacity of this process; it says so where that is less than what is configured.
func (c *Config) total(tel *telemetry.Telemetry) int {
	memory := debug.SetMemoryLimit(-1) // It changes nothing.
	sockets := capacity(c.MaxConnections, memory)
	if sockets != c.MaxConnections {
		tel.Logger().LogAttrs(context.Background(), slog.LevelInfo, "fewer sockets than MAX_CONNECTIONS are accepted: more would not fit into GOMEMLIMIT",
			slog.Int("limit", sockets))
	}
	return sockets
}
