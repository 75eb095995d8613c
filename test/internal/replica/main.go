package replica

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// Main is the TestMain of a package that runs replicas: it compiles both services for its tests, as pgtest.Main gives
// them databases. Flags are go build's.
func Main(m *testing.M, programs *Programs, flags ...string) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "driftsentry-services-")
	if err == nil {
		*programs, err = Build(context.Background(), dir, flags...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pgtest.Main(m, func() error { return os.RemoveAll(dir) })
}
