package browser

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	launcher "github.com/driftsentry/driftsentry/test/internal/pair"
)

// TestDemo: what `make demo` does keeps a page alive: drifts come, go and are decided, and an open page follows each change. Mutations:
// plan that always has all entries (nothing is resolved); decide without its second case.
func TestDemo(t *testing.T) {
	d := startDesk(t)
	p := d.person()
	d.signIn(p, "viewer")
	demo := launcher.Demo{CI: d.engineer, Engineer: d.engineer, Random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // The same steps each time.
	for i := range 40 {
		if did, err := demo.Step(t.Context()); err != nil && !errors.Is(err, launcher.ErrNothing) {
			t.Fatalf("step %d, %s: %v", i, did, err)
		}
	}
	totals := map[client.DriftStatus]int{}
	for _, status := range []client.DriftStatus{client.Detected, client.Triaged, client.Approved, client.Rejected, client.Resolved} {
		page, err := d.engineer.ListDrifts(t.Context(), client.DriftQuery{Status: status}, client.Page{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if totals[status] = page.Pagination.Total; totals[status] == 0 {
			t.Errorf("no drift is %s", status)
		}
	}
	wait := totals[client.Detected] + totals[client.Triaged]
	p.await("the page counts those that wait", fmt.Sprintf(`document.querySelector('.nav-count')?.textContent === '%d' && document.querySelector('.live').textContent === 'live'`, wait))
}
