//go:build cluster

package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// row is something that was done under load.
type row struct {
	what  string
	took  time.Duration
	begun counts
	ended counts
}

// do does something under load. allowed is how many requests may fail meanwhile; a negative number is any.
func (c *cluster) do(t *testing.T, what string, allowed int, work func(t *testing.T)) {
	t.Helper()
	t.Run(what, func(t *testing.T) {
		r := row{what: what, begun: c.load.next(t)}
		began := time.Now()
		work(t)
		r.took = time.Since(began)
		c.load.next(t)
		r.ended = c.load.next(t) // Whatever was under way has a response, or the next row has it.
		c.rows = append(c.rows, r)
		if failed := r.ended.failed - r.begun.failed; allowed >= 0 && failed > allowed {
			t.Errorf("%d requests failed, and %d may", failed, allowed)
		}
		if r.ended.responses == r.begun.responses {
			t.Error("there was no load")
		}
		if lost := r.ended.lost - r.begun.lost; lost > 0 {
			t.Errorf("%d events were lost", lost)
		}
	})
}

// print shows the rows on standard error, where a summary of the tests does not hide it.
func (c *cluster) print() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "what was done under load\ttook\trequests\tfailed\tdeliveries\tlost\n")
	for _, r := range c.rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", r.what, r.took.Round(100*time.Millisecond), r.ended.responses-r.begun.responses,
			r.ended.failed-r.begun.failed, r.ended.deliveries-r.begun.deliveries, r.ended.lost-r.begun.lost)
	}
	_ = w.Flush()
	fmt.Fprint(os.Stderr, b.String())
}
