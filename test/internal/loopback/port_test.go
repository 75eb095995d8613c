package loopback_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/loopback"
)

// Mutations: random ports, of which some come twice; a port in use.
func TestPort(t *testing.T) {
	seen := map[int]bool{}
	for range 500 {
		port := loopback.Port(t)
		if seen[port] || port >= 32768 {
			t.Fatalf("%d came twice, or may be an outgoing connection's", port)
		}
		seen[port] = true
		next := port + 1
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(next)))
		if err != nil {
			continue // Another process has it.
		}
		if got := loopback.Port(t); got == next || seen[got] {
			t.Errorf("%d is taken, and was given", got)
		} else {
			seen[got] = true
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
