package browser

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_main_job: a drift is found, read and decided, by keyboard alone and by mouse alone. What api has then is what was typed.
// Mutations: useKeys without its action; decide without the version; the dialog that sends no reason.
func TestConsole_main_job(t *testing.T) {
	d := startDesk(t)
	first, second := d.report("aws_instance.first", client.Critical), d.report("aws_instance.second", client.Warning)
	p := d.person()
	d.signIn(p, "engineer")

	t.Run("by keyboard", func(t *testing.T) {
		p.await("both rows", `document.querySelectorAll('.row[data-row]').length === 2`)
		p.press("j")
		p.await("the most severe has the focus", fmt.Sprintf(`(%s).contains(document.activeElement)`, row("aws_instance.first")))
		p.press("a")
		p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
		p.press("short")
		p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
		p.await("a reason that is too short is refused", `document.querySelector('.field-error') !== null`)
		p.press(", but not any more")
		p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
		p.shows("aws_instance.first", "approved")
		if got := d.status(first.ID); got.Status != "approved" || got.ApprovalReason != "short, but not any more" {
			t.Errorf("api has %s, %v", got.Status, got.ApprovalReason)
		}
		p.await("the next one that waits has the focus", fmt.Sprintf(`(%s).contains(document.activeElement)`, row("aws_instance.second")))
	})
	t.Run("by mouse", func(t *testing.T) {
		p.click(fmt.Sprintf(`[data-row=%q] .row-link`, second.ID))
		p.await("the difference", `document.querySelector('.diff-line-new mark')?.textContent === 'm5.4xlarge'`)
		p.click(".actions .button-danger")
		p.fill("dialog textarea", "must go back to what the code says")
		p.click("dialog .button-danger")
		p.await("the verdict", `document.querySelector('.verdict-rejected') !== null`)
		p.await("the timeline", `document.querySelector('.timeline').innerText.includes('must go back to what the code says')`)
		if got := d.status(second.ID); got.Status != "rejected" {
			t.Errorf("api has %s", got.Status)
		}
		p.await("each entry leads to its trace", `[...document.querySelectorAll('.timeline li')].every((e) => /\/trace\/[0-9a-f]{32}$/.test(e.querySelector('.trace-link')?.href))`)
	})
}

// TestConsole_two_people: what one does appears at the other, without a reload and without moving what is there; also after the
// connection was cut while it happened. Mutations: Rows.apply that ignores changes; Stream that forgets its cursor; a phase that
// stays live.
func TestConsole_two_people(t *testing.T) {
	d := startDesk(t)
	d.report("aws_instance.there", client.Warning)
	one, other := d.person(), d.person()
	d.signIn(one, "engineer")
	d.signIn(other, "admin")
	one.shows("aws_instance.there", "")
	value[string](one, `window.sign = 'not reloaded'`)

	fresh := d.report("aws_instance.fresh", client.Critical)
	one.await("the bar", `document.querySelector('.news')?.innerText.startsWith('1 new')`)
	if value[int](one, `document.querySelectorAll('.row[data-row]').length`) != 1 {
		t.Error("the list moved under the reader")
	}
	one.click(".news")
	one.shows("aws_instance.fresh", "")
	one.await("it glows", fmt.Sprintf(`(%s).classList.contains('row-glow')`, row("aws_instance.fresh")))

	other.visit(d.API.URL() + "/drifts/" + fresh.ID)
	other.await("the drift", `document.querySelector('.actions .button-primary') !== null`)
	other.press("a")
	other.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
	other.press("agreed with the network team")
	other.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	other.await("decided", `document.querySelector('.verdict-approved') !== null`)
	one.shows("aws_instance.fresh", "approved")

	d.link.Cut()
	one.await("the page says so", `document.querySelector('.live').textContent === 'offline' && document.querySelector('.lost') !== null`)
	d.report("aws_instance.meanwhile", client.Critical)
	there, err := d.engineer.ListDrifts(t.Context(), client.DriftQuery{Search: "there"}, client.Page{})
	if err != nil || len(there.Items) != 1 {
		t.Fatalf("%v, %v", there, err)
	}
	if _, err := d.engineer.RejectDrift(t.Context(), there.Items[0].ID, client.Decision{Reason: "while the line was dead"}); err != nil {
		t.Fatal(err)
	}
	d.link.Restore()
	one.click(".lost button")
	one.shows("aws_instance.there", "rejected")
	one.await("what came meanwhile", `document.querySelector('.news')?.innerText.startsWith('1 new')`)
	one.await("live again", `document.querySelector('.live').textContent === 'live' && document.querySelector('.lost') === null`)
	if value[string](one, `window.sign`) != "not reloaded" {
		t.Error("the page was loaded again")
	}
}

// TestConsole_tabs: a second tab is signed in at once, with the token of the first; the end of the session is the end for all.
// Mutations: no response to `ask` (the second tab refreshes, too); signed-out that is not said.
func TestConsole_tabs(t *testing.T) {
	d := startDesk(t)
	first := d.person()
	d.signIn(first, "engineer")
	second := d.another(first, "/workspaces")
	second.await("signed in", `document.querySelector('.account') !== null`)
	if asked := value[int](second, `performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/auth/refresh')).length`); asked != 0 {
		t.Errorf("the second tab refreshed %d times", asked)
	}
	second.click(".account-button")
	second.click(".menu button")
	second.await("signed out", `document.querySelector('input[type=password]') !== null`)
	first.await("signed out, too", `document.querySelector('input[type=password]') !== null`)
	third := d.another(first, "/inbox?view=all")
	third.await("the form", `document.querySelector('input[type=password]') !== null`)
	third.fill("input[type=email]", address("viewer"))
	third.fill("input[type=password]", d.password)
	third.press("\r")
	third.await("where they were going", `location.pathname + location.search === '/inbox?view=all'`)
}

// TestConsole_viewer: who may only look is offered nothing else, and gets nothing else with the keyboard. Mutations: ask without its
// check of the role; actions that are always there.
func TestConsole_viewer(t *testing.T) {
	d := startDesk(t)
	drift := d.report("aws_instance.web", client.Critical)
	p := d.person()
	d.signIn(p, "viewer")
	p.shows("aws_instance.web", "")
	p.press("ja")
	p.await("a word about the role", `document.querySelector('.toast')?.innerText.includes('Your role may look')`)
	if value[bool](p, `document.querySelector('dialog') !== null`) {
		t.Error("there is a dialog")
	}
	p.press("o")
	p.await("the drift", `document.querySelector('.diff') !== null`)
	p.press("a")
	if value[bool](p, `document.querySelector('.actions button, dialog') !== null`) {
		t.Error("a viewer is offered a decision")
	}
	if got := d.status(drift.ID); got.Status != "detected" {
		t.Errorf("the drift is %s", got.Status)
	}
	p.visit(d.API.URL() + "/settings/users")
	p.await("no users", `document.body.innerText.includes('This is for admins')`)
}

// TestConsole_password: a new user chooses a password with the link that an admin made in the console, and signs in with it. Mutation:
// the link with the token in its query, which reaches logs.
func TestConsole_password(t *testing.T) {
	d := startDesk(t)
	admin := d.person()
	d.signIn(admin, "admin")
	admin.visit(d.API.URL() + "/settings/users")
	admin.await("the users", `document.querySelectorAll('tbody tr').length === 3`)
	admin.click(".page-head .button-primary")
	admin.fill("dialog input[type=email]", "grace@acme.example")
	admin.fill("dialog .field:nth-of-type(2) input", "Grace")
	admin.click("dialog .button-primary")
	admin.await("the link", `document.querySelector('dialog pre') !== null`)
	link := value[string](admin, `document.querySelector('dialog pre').textContent`)
	guest := d.person()
	guest.visit(link)
	guest.await("the form", `document.querySelector('input[autocomplete=new-password]') !== null`)
	guest.fill("input[autocomplete=new-password]", "a fine long password")
	guest.press("\r")
	guest.await("the sign-in", `document.querySelector('input[type=email]') !== null && location.hash === ''`)
	guest.fill("input[type=email]", "grace@acme.example")
	guest.fill("input[type=password]", "a fine long password")
	guest.press("\r")
	guest.await("the inbox", `location.pathname === '/inbox' && document.querySelector('.account') !== null`)
}

// TestConsole_paths: each screen can be opened by its address; everyone but a browser finds nothing there.
func TestConsole_paths(t *testing.T) {
	d := startDesk(t)
	for _, path := range []string{"/", "/inbox?view=all", "/drifts/x", "/workspaces/team%2Fprod", "/settings/keys", "/sign-in"} {
		res := d.get(path, "text/html,application/xhtml+xml")
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d, %s", path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		if res := d.get(path, "*/*"); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s for a program: %d", path, res.StatusCode)
		}
	}
	if res := d.get("/nothing", "text/html"); res.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %d", res.StatusCode)
	}
}
