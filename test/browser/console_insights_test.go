package browser

import (
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_insights: the numbers are those of api, change with what happens, and lead to the drifts that they count. Mutations: a filter
// that is not sent; `drift.` left out of what they listen to.
func TestConsole_insights(t *testing.T) {
	d := startDesk(t)
	first := d.report("aws_instance.first", client.Critical)
	d.report("aws_instance.second", client.Warning)
	d.fail("prod", "it failed", client.Source{})
	p := d.person()
	d.signIn(p, "viewer")
	p.click("a[href='/insights']")
	const waiting = `document.querySelector('.tile-value')?.textContent === `
	p.await("two wait", waiting+`'2' && document.querySelector('tbody:last-of-type') !== null`)
	if _, err := d.engineer.ApproveDrift(t.Context(), first.ID, client.Decision{Reason: "agreed with the network team"}); err != nil {
		t.Fatal(err)
	}
	p.await("one waits", waiting+`'1' && document.querySelector('.tile p.muted').textContent.startsWith('1 approved')`)
	p.visit(d.API.URL() + "/insights?workspace=prod&by=workspace")
	p.await("none of prod", waiting+`'0'`)
	p.visit(d.API.URL() + "/insights?by=type")
	p.await("the type", `[...document.querySelectorAll('th a')].some((a) => a.textContent === 'aws_instance' && a.getAttribute('href') === '/inbox?type=aws_instance')`)
}
