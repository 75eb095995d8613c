package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_rules: from a drift that is noise, an engineer comes to a rule about what differs there, sees what it would hide, and proposes
// it; an admin accepts it, and changes its end; what it hides leaves the inbox, is shown apart with the reason, and comes back when the rule
// ends. The rule is made again from the one that has ended. Mutations: Preview without its request; the view Ignored without `suppressed`;
// wants that takes what rules hide for new; a rule made again that loses its match; ruleAddress without paths.
func TestConsole_rules(t *testing.T) {
	d := startDesk(t)
	noise := d.report("aws_instance.noise", client.Warning)
	d.report("aws_instance.alike", client.Warning)
	bucket := func(name string) client.Drift {
		made, err := d.engineer.ReportDrift(t.Context(), client.DriftReport{
			ResourceID: "aws_s3_bucket." + name, ResourceType: "aws_s3_bucket", Region: "eu-central-1", Severity: client.Critical,
			ExpectedState: map[string]string{"acl": "private"}, ActualState: map[string]string{"acl": "public-read"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	other := bucket("logs")
	engineer, admin := d.person(), d.person()
	d.signIn(engineer, "engineer")
	engineer.visit(d.API.URL() + "/drifts/" + noise.ID)
	engineer.await("the drift", `document.querySelector('.facts a[href^="/settings/rules/new"]') !== null`)
	engineer.click(`.facts a[href^="/settings/rules/new"]`)
	engineer.await("what it would do", `/^Hides 2 of 3/.test(document.querySelector('.preview strong')?.textContent)`)
	engineer.await("which", fmt.Sprintf(`[...document.querySelectorAll('.preview-drifts a')].some((a) => a.pathname === '/drifts/%s') && document.querySelectorAll('.preview-drifts .pill-triaged').length === 2`, noise.ID))
	engineer.click("form .button-primary")
	engineer.await("the reason is missing", `document.querySelector('.field-error')?.textContent.startsWith('At least 10')`)
	const reason = `.rule-write form > .field:nth-of-type(6) textarea`
	engineer.fill(reason, "the autoscaler sets the type")
	engineer.click("form .button-primary")
	engineer.await("it is proposed", `document.querySelector('.pill-proposed') !== null && document.querySelector('blockquote')?.textContent === 'the autoscaler sets the type'`)
	if value[bool](engineer, `[...document.querySelectorAll('.page-head button')].length > 0`) {
		t.Error("an engineer is offered what admins do")
	}

	d.signIn(admin, "admin")
	admin.await("all wait", `document.querySelectorAll('.row[data-row]').length === 3`)
	admin.click(`a[href="/settings"]`)
	admin.click(`.settings-nav a[href="/settings/rules"]`)
	admin.await("the proposal", `document.querySelector('.proposals .match')?.textContent.includes('instance_type')`)
	admin.click(".proposals .button-primary")
	admin.await("it is in force, and hides two", `document.querySelector('tbody .number + *, tbody td.number:nth-of-type(2)') !== null && [...document.querySelectorAll('tbody td.number')].some((c) => c.textContent === '2')`)
	engineer.await("the engineer sees it", `document.querySelector('.page-head .pill-ok')?.textContent === 'in force' && document.querySelector('.rule-facts a')?.textContent === 'It hides 2 open drifts'`)

	engineer.visit(d.API.URL() + "/inbox")
	engineer.await("one is left", fmt.Sprintf(`document.querySelectorAll('.row[data-row]').length === 1 && document.querySelector('[data-row=%q]') !== null`, other.ID))
	engineer.await("it is live", `document.querySelector('.live').textContent === 'live'`)
	d.report("aws_instance.later", client.Warning)
	d.report("aws_instance.last", client.Warning)
	bucket("fresh")
	engineer.await("what the rule leaves is announced", `document.querySelector('.news') !== null`)
	if got := value[string](engineer, `document.querySelector('.news').innerText`); !strings.HasPrefix(got, "1 new") {
		t.Errorf("announced: %q", got)
	}
	engineer.visit(d.API.URL() + "/inbox?view=ignored")
	engineer.await("what the rule hides", `document.querySelectorAll('.row[data-row]').length === 4 && document.querySelectorAll('.row .pill-ignored').length === 4`)
	engineer.visit(d.API.URL() + "/drifts/" + noise.ID)
	engineer.await("why it is hidden", `document.querySelector('.verdict-ignored')?.innerText.includes('the autoscaler sets the type')`)
	engineer.visit(d.API.URL() + "/inbox")
	engineer.await("the list", `document.querySelectorAll('.row[data-row]').length === 2 && document.querySelector('.live').textContent === 'live'`)

	admin.click(".rule-link")
	admin.await("the rule", `document.querySelector('.rule-facts') !== null && document.querySelector('.preview-drifts') !== null`)
	admin.click(".page-head .button-danger")
	admin.click("dialog .button-danger")
	admin.await("it has ended", `document.querySelector('.page-head .pill')?.textContent === 'ended'`)
	engineer.await("what it hid is announced", `document.querySelector('.news')?.innerText.startsWith('4 new')`)
	admin.click(`.page-head a[href*="from="]`)
	admin.await("it is as it was", fmt.Sprintf(`document.querySelector(%s)?.value === 'the autoscaler sets the type' && document.querySelector('.rule-write textarea')?.value === 'instance_type'`, quoted(reason)))
	admin.click("form .button-primary")
	admin.await("in force again", `document.querySelector('.page-head .pill-ok')?.textContent === 'in force'`)
	ended, err := d.engineer.ListRules(t.Context(), client.RuleIsOver, client.Page{})
	if err != nil || len(ended.Items) != 1 || ended.Items[0].EndedHow != "ended" {
		t.Errorf("the rule that ended: %+v, %v", ended.Items, err)
	}
}

// TestConsole_rules_order: an admin puts rules in another order, changes one and its end, and reaches each screen by its address; a viewer
// reads them, and is offered nothing. Mutations: move that swaps nothing; expiresAt that is not sent; NewRule for everyone.
func TestConsole_rules_order(t *testing.T) {
	d := startDesk(t)
	as := func(role string) *client.Client {
		c, err := client.New(d.API.URL(), client.WithPassword(address(role), d.password))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	byAdmin := as("admin")
	var made []client.Rule
	for i, draft := range []client.RuleDraft{
		{Effect: client.SetSeverity, Severity: client.Info, Match: client.RuleMatch{Types: []string{"aws_*"}}, Reason: "all of it is a playground"},
		{Effect: client.SetOwner, Owner: "network-team", Match: client.RuleMatch{Workspaces: []string{"network/*"}}, Reason: "they run the network"},
	} {
		r, err := byAdmin.CreateRule(t.Context(), draft)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		made = append(made, r)
	}
	p := d.person()
	d.signIn(p, "admin")
	p.visit(d.API.URL() + "/settings/rules")
	p.await("both, in their order", `document.querySelectorAll('tbody tr').length === 2 && document.querySelector('tbody strong').textContent === 'Call it info'`)
	p.click("tbody tr:first-child .rule-order button:last-of-type")
	p.await("the other order", `document.querySelector('tbody strong').textContent === 'Owner network-team'`)
	p.await("api has it", `performance.getEntriesByType('resource').some((e) => /rules.reorder$/.test(e.name)) && document.querySelector('tbody button:not(:disabled)') !== null`)
	if got, err := byAdmin.ListRules(t.Context(), "", client.Page{}); err != nil || len(got.Items) != 2 || got.Items[0].ID != made[1].ID {
		t.Errorf("api has %+v, %v", got.Items, err)
	}

	p.visit(d.API.URL() + "/settings/rules/" + made[0].ID)
	p.await("the rule", `document.querySelector('.page-head .button-plain') !== null`)
	p.click(".page-head .button-plain")
	p.await("the form", `document.querySelector('.rule-write') !== null`)
	p.choose(".rule-write form > .field:nth-last-of-type(2) select", "30")
	p.click("form .button-primary")
	p.await("its end", `document.querySelector('.rule-facts time:not(:first-of-type)')?.textContent.match(/^20\d\d-/) !== null && document.querySelector('.rule-write') === null`)
	if got, err := byAdmin.GetRule(t.Context(), made[0].ID); err != nil || got.ExpiresAt.IsZero() || got.Severity != client.Info {
		t.Errorf("api has %+v, %v", got, err)
	}

	viewer := d.person()
	d.signIn(viewer, "viewer")
	for path, shown := range map[string]string{
		"/settings/rules":                          `document.querySelectorAll('tbody tr').length === 2`,
		"/settings/rules?status=ended":             `document.querySelector('.empty h2')?.textContent === 'No rule has ended'`,
		"/settings/rules/" + made[0].ID:            `document.querySelector('.rule-facts') !== null`,
		"/settings/rules/new":                      `document.querySelector('.empty h1') !== null`,
		"/settings/rules/" + url.PathEscape("x y"): `document.querySelector('.empty h1')?.textContent === 'There is no such rule'`,
	} {
		viewer.visit(d.API.URL() + path)
		viewer.await(path, shown)
		if value[bool](viewer, `document.querySelector('.settings-main button:not(.segments button), .settings-main form, .settings-main .preview, .settings-main .button-primary') !== null`) {
			t.Errorf("%s: a viewer is offered something", path)
		}
	}
}

// TestConsole_trusts: an admin says which jobs of CI may send plans, and ends that; what the API refuses names its field. Mutations: claims
// that are not sent; the issuer of the host that was chosen first.
func TestConsole_trusts(t *testing.T) {
	d := startDesk(t)
	p := d.person()
	d.signIn(p, "admin")
	p.visit(d.API.URL() + "/settings/trusts")
	p.await("there is none", `document.querySelector('.empty')?.innerText.includes('No trust yet')`)
	p.click(".page-head .button-primary")
	p.fill("dialog .field:nth-of-type(1) input", "network repository")
	p.choose("dialog select", "gitlab")
	p.fill("dialog .field:nth-of-type(3) input", "project_path:**")
	p.click("dialog .button-primary")
	p.await("it names no owner, who must be in a claim, then", `document.querySelector('dialog .error-box')?.innerText.includes('Subject')`)
	p.fill("dialog .field:nth-of-type(5) textarea", "namespace_id")
	p.click("dialog .button-primary")
	p.await("a claim has a value", `document.querySelector('dialog .field-error')?.textContent === 'Line 1 must be a name, a colon and a value.'`)
	p.fill("dialog .field:nth-of-type(5) textarea", ": 1234567")
	p.fill("dialog .field:nth-of-type(6) input", "network-*")
	p.click("dialog .button-primary")
	p.await("the trust", `document.querySelector('dialog') === null && document.querySelector('tbody')?.innerText.includes('namespace_id: 1234567')`)
	if !p.has("https://gitlab.com", d.API.URL(), "network-*", "network repository") {
		t.Error("the trust is not shown whole")
	}
	p.click(`button[aria-label="End network repository"]`)
	p.click("dialog .button-danger")
	p.await("it is gone", `document.querySelector('.empty') !== null`)
}
