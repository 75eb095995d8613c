//go:build compose

package compose

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// steps are what this run has done, for the table at its end.
var steps struct {
	sync.Mutex
	rows []string
}

// TestMain prints the table on standard error, where a summary of the tests does not hide it.
func TestMain(m *testing.M) {
	status := m.Run()
	if len(steps.rows) > 0 {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "what was done in containers\ttook\tresult\n%s", strings.Join(steps.rows, ""))
		_ = w.Flush()
		fmt.Fprint(os.Stderr, b.String())
	}
	os.Exit(status)
}

// step runs a part of a test, and gives it a row.
func step(t *testing.T, what string, do func(t *testing.T)) {
	t.Helper()
	t.Run(what, func(t *testing.T) {
		noted(t, what)
		do(t)
	})
}

// noted gives what ends with this test a row of the table.
func noted(t *testing.T, what string) {
	t.Helper()
	began := time.Now()
	t.Cleanup(func() {
		result := "passed"
		switch {
		case t.Failed():
			result = "FAILED"
		case t.Skipped():
			result = "NOT RUN"
		}
		steps.Lock()
		defer steps.Unlock()
		steps.rows = append(steps.rows, fmt.Sprintf("%s\t%s\t%s\n", what, time.Since(began).Round(100*time.Millisecond), result))
	})
}
