package spec

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
)

// coverage counts what the tests of this process exercised.
type coverage struct {
	mu   sync.Mutex
	seen map[string]map[int]int // by operation and status
}

var covered = &coverage{seen: map[string]map[int]int{}}

func (c *coverage) add(operationID string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[operationID] == nil {
		c.seen[operationID] = map[int]int{}
	}
	c.seen[operationID][status]++
}

// Covered gives the documented statuses that an operation returned to the requests of this process.
func Covered(operationID string) []int {
	covered.mu.Lock()
	defer covered.mu.Unlock()
	return slices.Sorted(maps.Keys(covered.seen[operationID]))
}

// Main runs a package's tests and then sees that each operation of a service was used with success; call it from
// TestMain and exit with its result. A run of some of the tests only is not asked.
func Main(m *testing.M, service string) int {
	code := m.Run()
	if code != 0 || partial() {
		return code
	}
	unused, err := Unused(service)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, op := range unused {
		fmt.Fprintf(os.Stderr, "no test of this package used %s %s (%s) with success\n", op.Method, op.Path, op.ID)
		code = 1
	}
	return code
}

// Unused gives the operations of a service that were not yet used with success in this process.
func Unused(service string) ([]Operation, error) {
	operations, err := Operations(service)
	return slices.DeleteFunc(operations, func(op Operation) bool {
		return slices.ContainsFunc(Covered(op.ID), func(status int) bool { return status < http.StatusBadRequest })
	}), err
}

// partial reports whether flags of go test left tests out.
func partial() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return testing.Short()
}
