package spec

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// coverage counts the responses that the tests of this process got.
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

// Covered returns the documented statuses of an operation's responses in this process.
func Covered(operationID string) []int {
	covered.mu.Lock()
	defer covered.mu.Unlock()
	return slices.Sorted(maps.Keys(covered.seen[operationID]))
}

// Complete returns a check for the end of a package's tests (see pgtest.Main): each operation of the service was used with
// success. A run of only some of the tests is not checked.
func Complete(service string) func() error {
	return func() error {
		if partial() {
			return nil
		}
		unused, err := Unused(service)
		for _, op := range unused {
			err = errors.Join(err, fmt.Errorf("no test of this package called %s %s (%s) with success: add one that does", op.Method, op.Path, op.ID))
		}
		return err
	}
}

// Unused returns the operations of a service that were not yet used with success in this process.
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
