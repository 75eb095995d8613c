package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_recent_sign_in: where the API wants the password again, the page asks for it over what the user does, and goes on; a wrong
// password, and no password, change nothing. Mutations: call that does not repeat; prove that is called once for each request; the dialog
// that says signed-in, which reloads the other tab.
func TestConsole_recent_sign_in(t *testing.T) {
	d := startDesk(t, "RECENT_SIGN_IN=15m")
	p := d.person()
	d.signIn(p, "admin")
	other := d.another(p, "/workspaces")
	other.await("signed in", `document.querySelector('.account') !== null`)
	value[string](other, `window.sign = 'not reloaded'`)
	p.visit(d.API.URL() + "/settings/keys")
	p.await("the keys", `document.querySelector('.page-head .button-primary') !== null`)
	d.age(t)
	p.click(".page-head .button-primary")
	p.fill("dialog input", "nightly")
	p.click("dialog .button-primary")
	const asked = `document.querySelector('dialog[aria-label="Is it still you?"] input[type=password]:focus') !== null`
	p.await("the password is asked for", asked)
	p.press(d.password + "x\r")
	p.await("it is wrong", `document.querySelector('.field-error')?.textContent === 'The password is wrong.'`)
	p.press(d.password + "\r")
	p.await("the key", `document.querySelector('dialog pre')?.textContent.startsWith('ds_')`)
	p.press("\x1b")
	p.await("one key", `document.querySelector('dialog') === null && document.querySelectorAll('tbody tr').length === 1`)
	if value[string](other, `window.sign`) != "not reloaded" {
		t.Error("the other tab was loaded again")
	}
	other.click("a[href='/checks']")
	other.await("the other tab works with the new session", `document.querySelector('h1')?.textContent === 'Checks' && document.querySelector('.skeleton, .error-box') === null`)

	d.age(t)
	p.click(".page-head .button-primary")
	p.fill("dialog input", "weekly")
	p.click("dialog .button-primary")
	p.await("the password is asked for", asked)
	p.press("\x1b")
	p.await("the refusal", `document.querySelector('dialog .error-box')?.innerText.startsWith('Sign in again.')`)
	if got := value[string](p, `document.querySelector('dialog input').value`); got != "weekly" {
		t.Errorf("the form has %q", got)
	}
}

// age makes every session as old as one of which the API asks for the password again, and api forgets what it knew.
func (d *desk) age(t *testing.T) {
	t.Helper()
	db, err := pgx.Connect(d.ctx, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(d.ctx) }()
	if _, err := db.Exec(d.ctx, "update session set created_at = created_at - interval '16 minutes'"); err != nil {
		t.Fatal(err)
	}
	if err := d.API.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := d.API.Restart(d.ctx); err != nil {
		t.Fatal(err)
	}
}

// TestConsole_bulk: what is selected is decided with one request, and taken back with another; what someone else decided meanwhile stays
// theirs, and the page says so. Mutations: decideAll without versions; a request for each; put without the result.
func TestConsole_bulk(t *testing.T) {
	d := startDesk(t)
	drifts := make([]client.Drift, 3)
	for i := range drifts {
		drifts[i] = d.report(fmt.Sprintf("aws_instance.node[%d]", i), client.Warning)
	}
	p := d.person()
	d.signIn(p, "engineer")
	p.await("the rows", `document.querySelectorAll('.row[data-row]').length === 3`)
	p.press("jxjxjxa")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA' && document.querySelector('dialog h2').textContent === 'Approve 3 drifts'`)
	p.press("the autoscaler owns these")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	for i := range drifts {
		p.shows(drifts[i].ResourceID, "approved")
	}
	if n := value[int](p, `performance.getEntriesByType('resource').filter((e) => /drifts\/.*(approve|bulk)$/.test(e.name)).length`); n != 1 {
		t.Errorf("%d requests decided", n)
	}

	p.visit(d.API.URL() + "/inbox?view=decided")
	p.await("the rows", `document.querySelectorAll('.row[data-row]').length === 3`)
	p.press("jxjxjxz")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA' && document.querySelector('dialog h2').textContent === 'Reopen 3 drifts'`)
	// Someone decides again: it is approved still, and not what the dialog is about.
	if _, err := d.engineer.ReopenDrift(t.Context(), drifts[1].ID, client.Decision{Reason: "to look at it again"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.engineer.ApproveDrift(t.Context(), drifts[1].ID, client.Decision{Reason: "someone was faster"}); err != nil {
		t.Fatal(err)
	}
	p.press("it was a mistake")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("one was not", `document.querySelector('.toast-bad')?.innerText.startsWith('1 of 3 were not decided')`)
	for i, want := range []client.DriftStatus{client.Detected, client.Approved, client.Detected} {
		if got := d.status(drifts[i].ID); got.Status != want || strings.Contains(d.said(drifts[i].ID), "it was a mistake") != (want == client.Detected) {
			t.Errorf("%s is %s: %s", drifts[i].ResourceID, got.Status, d.said(drifts[i].ID))
		}
	}
}

// said is what the timeline of a drift says.
func (d *desk) said(id string) string {
	d.t.Helper()
	entries, err := d.engineer.DriftTimeline(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&all, "%s: %s\n", e.Action, e.Message)
	}
	return all.String()
}

// TestConsole_groups: what differs alike is one row and one decision, which more that come meanwhile stop. Mutations: bulkFilter without
// the group, or without the severity; expectedCount that is not sent.
func TestConsole_groups(t *testing.T) {
	d := startDesk(t)
	for i := range 3 {
		d.report(fmt.Sprintf("aws_instance.node[%d]", i), client.Warning)
	}
	apart := d.report("aws_instance.apart", client.Critical)
	other, err := d.engineer.ReportDrift(t.Context(), client.DriftReport{
		ResourceID: "aws_s3_bucket.logs", ResourceType: "aws_s3_bucket", Region: "eu-central-1", Severity: client.Warning,
		ExpectedState: map[string]string{"acl": "private"}, ActualState: map[string]string{"acl": "public-read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := d.person()
	d.signIn(p, "engineer")
	p.await("the rows", `document.querySelectorAll('.row[data-row]').length === 5`)
	p.press("g")
	p.await("the groups", `document.querySelectorAll('.group').length === 2 && document.querySelector('.group').innerText.includes('4 ×')`)
	p.visit(d.API.URL() + "/inbox?by=group&severity=warning")
	p.await("the groups of a severity", `document.querySelector('.group')?.innerText.includes('3 ×')`)
	p.click(".group .button-plain")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA' && document.querySelector('dialog h2').textContent === 'Approve all 3 drifts'`)
	d.report("aws_instance.node[3]", client.Warning)
	p.press("the autoscaler owns these")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("there are more now", `document.querySelector('dialog .error-box') !== null`)
	p.press("\x1b")
	p.await("the fourth", `document.querySelector('.group').innerText.includes('4 ×')`)
	p.click(".group .button-plain")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
	p.press("the autoscaler owns these")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("the other group is left", `document.querySelectorAll('.group').length === 1 && document.querySelector('.group').innerText.includes('aws_s3_bucket')`)
	for _, id := range []string{apart.ID, other.ID} {
		if got := d.status(id); got.Status != "detected" {
			t.Errorf("%s is %s", got.ResourceID, got.Status)
		}
	}
	p.click(".group-link")
	p.await("its drifts", `document.querySelectorAll('.row[data-row]').length === 1 && document.querySelector('.chip').innerText.startsWith('One group')`)
}

// TestConsole_notes: an approval has an end, an owner and a comment are kept, and a decision is taken back. Mutations: until that is not
// sent; a comment that is empty; reopen without its reason.
func TestConsole_notes(t *testing.T) {
	d := startDesk(t)
	drift := d.report("aws_instance.web", client.Critical)
	p := d.person()
	d.signIn(p, "engineer")
	p.visit(d.API.URL() + "/drifts/" + drift.ID)
	p.await("the drift", `document.querySelector('.actions .button-primary') !== null`)
	p.press("c")
	p.await("the comment has the focus", `document.activeElement.tagName === 'TEXTAREA'`)
	p.press("The launch team needs this until Friday.")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("the comment", `document.querySelector('.timeline').innerText.includes('The launch team needs this until Friday.') && document.querySelector('.comment textarea').value === ''`)
	p.click(".facts .button-quiet")
	p.fill("dialog input", "network-team")
	p.press("\r")
	p.await("the owner", `document.querySelector('.facts').innerText.includes('network-team')`)
	value[bool](p, `(document.activeElement.blur(), true)`)
	p.press("a")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
	p.press("needed for the launch")
	if err := chromedp.Do(p.ctx, chromedp.SetValue(chromedp.CSS("dialog select"), "7")); err != nil {
		t.Fatal(err)
	}
	value[bool](p, `document.querySelector('dialog select').dispatchEvent(new Event('change', { bubbles: true }))`)
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("until when", `document.querySelector('.verdict-approved')?.innerText.includes('until')`)
	got := d.status(drift.ID)
	if got.Owner != "network-team" || got.ApprovedUntil.Sub(got.UpdatedAt).Round(24*time.Hour) != 7*24*time.Hour {
		t.Errorf("api has %q until %v", got.Owner, got.ApprovedUntil)
	}
	p.press("z")
	p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA' && document.querySelector('dialog h2').textContent === 'Reopen this drift'`)
	p.press("the launch is over")
	p.press("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.await("it waits again", `document.querySelector('.verdict') === null && document.querySelector('.actions .button-primary') !== null`)
	if got := d.status(drift.ID); got.Status != "detected" {
		t.Errorf("api has %s", got.Status)
	}
}
