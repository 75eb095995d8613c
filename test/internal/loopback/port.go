// Package loopback gives tests ports of this machine's loopback.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports are below those that the system gives to outgoing connections (from 32768 on Linux, 49152 on macOS): while
// a program is down and comes again, none of these must take its port.
const (
	first = 20_000
	ports = 12_000
)

// given begins anywhere, so that test programs that run side by side seldom meet, and counts, so that one gives no port
// twice.
var given atomic.Int64

func init() { given.Store(rand.Int64N(ports)) } //nolint:gosec // Any will do.

// FreePort gives a port without a listener.
func FreePort() (int, error) {
	var last error
	for range 100 {
		port := first + int(given.Add(1)%ports)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

// Port is FreePort for a test, which fails without one.
func Port(t testing.TB) int {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
