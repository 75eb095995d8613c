package browser

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	launcher "github.com/driftsentry/driftsentry/test/internal/pair"
)

// TestDemo: what `make demo` does keeps a page alive: drifts come, go and are decided, and an open page follows each change. Mutations:
// plan that always has all entries, also the repeated ones (nothing is resolved); decide without its second case.
func TestDemo(t *testing.T) {
	d := startDesk(t)
	p := d.person()
	d.signIn(p, "viewer")
	demo := launcher.Demo{CI: d.engineer, Engineer: d.engineer, Random: rand.New(rand.NewPCG(1, 2))} // The same steps each time.
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

// TestStory: what `make run` sends looks like weeks of use: drifts of many ages, decisions that took hours, what came and went, rules and a
// proposal. Mutations: age that moves nothing; decide left out of past; a rule of an engineer that is in force at once.
func TestStory(t *testing.T) {
	d := startDesk(t)
	story := d.story()
	if err := story.Tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	insights, err := d.engineer.Insights(t.Context(), client.InsightQuery{})
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	total := insights.Total
	if total.Age.Max == nil || seconds(*total.Age.Max) < 20*day || total.Decision.Count < 10 || seconds(*total.Decision.Median) < time.Hour || total.Resolution.Count < 10 {
		t.Errorf("the weeks before: %+v", total)
	}
	proposed, err := story.Admin.ListRules(t.Context(), client.RuleProposed, client.Page{})
	if err != nil || len(proposed.Items) != 1 {
		t.Errorf("proposals: %+v, %v", proposed.Items, err)
	}
	p := d.person()
	d.signIn(p, "admin")
	p.await("old ones wait beside new ones", `[...document.querySelectorAll('.row-age')].some((a) => / d$/.test(a.textContent)) && [...document.querySelectorAll('.row-age')].some((a) => /now|min/.test(a.textContent))`)
	p.visit(d.API.URL() + "/insights")
	p.await("the numbers", `document.querySelectorAll('.tile-value').length === 6`)
	p.visit(d.API.URL() + "/settings/rules")
	p.await("a proposal and what a rule hides", `document.querySelector('.proposals li') !== null && [...document.querySelectorAll('tbody td.number')].some((c) => c.textContent === '2')`)
}

// story is the one of this installation.
func (d *desk) story() launcher.Story {
	d.t.Helper()
	admin, err := client.New(d.API.URL(), client.WithPassword(address("admin"), d.password))
	if err != nil {
		d.t.Fatal(err)
	}
	return launcher.Story{CI: d.engineer, Engineer: d.engineer, Admin: admin, Database: d.dsn}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
