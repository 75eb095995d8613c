package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// TestConsole_accessible: axe finds nothing on any screen, in either colour scheme, wide and narrow; and no screen scrolls sideways at 360
// pixels. The page is loaded once for each scheme, and goes from screen to screen as its links do: a load of its own for each costs most
// of the time, and TestAttackConsole has them. Mutations: a button without its label; a label that the narrow style takes away; --text-soft
// lighter; --text-soft lighter in the dark scheme alone; a row wider than the screen.
func TestConsole_accessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join(doctable.Root(t), "console/node_modules/axe-core/axe.min.js"))
	if err != nil {
		const message = "NOT RUN: axe-core is not there; `make console` fetches it with npm"
		fmt.Fprintln(os.Stderr, message)
		t.Skip(message)
	}
	d := startDesk(t)
	open := d.report("module.network.module.subnets.aws_route_table_association.private[\"eu-central-1a\"]", client.Critical)
	decided := d.report("aws_instance.decided", client.Info)
	if _, err := d.engineer.ApproveDrift(t.Context(), decided.ID, client.Decision{Reason: "agreed with the network team"}); err != nil {
		t.Fatal(err)
	}
	admin := d.story().Admin
	rule, err := admin.CreateRule(t.Context(), client.RuleDraft{
		Effect: client.IgnoreDrifts, Match: client.RuleMatch{Addresses: []string{"aws_instance.noise"}}, Reason: "the autoscaler sets the type",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.engineer.CreateRule(t.Context(), client.RuleDraft{Effect: client.SetSeverity, Severity: client.Info, Match: client.RuleMatch{Types: []string{"aws_*"}}, Reason: "all of it is a playground"}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateRule(t.Context(), client.RuleDraft{Effect: client.SetSeverity, Severity: client.Info, Match: client.RuleMatch{Addresses: []string{"*.noise"}}, Reason: "nothing depends on it"}); err != nil {
		t.Fatal(err)
	}
	hidden := d.report("aws_instance.noise", client.Warning)
	if _, err := admin.CreateTrust(t.Context(), client.NewTrust{Name: "network repository", Issuer: "https://gitlab.com", Audience: d.API.URL(), Subject: "project_path:acme/network:**"}); err != nil {
		t.Fatal(err)
	}
	failed := d.fail("prod", "terraform init failed", client.Source{Ref: "main"})
	p := d.person()
	for _, scheme := range []string{"light", "dark"} {
		// Before the page is opened: a page in which the scheme changes has a moment of both.
		p.prefer(scheme)
		if scheme == "light" {
			p.visit(d.API.URL() + "/sign-in")
			p.await("the form", `document.querySelector('input[type=email]') !== null`)
			p.learn(string(axe))
			p.inspect("/sign-in, "+scheme, scheme)
			d.signIn(p, "admin")
		} else {
			p.visit(d.API.URL() + "/inbox")
			p.await("the inbox", `document.querySelector('.account') !== null`)
		}
		p.learn(string(axe))
		for _, path := range []string{
			"/inbox", "/inbox?view=all", "/inbox?search=nothing", "/drifts/" + open.ID, "/drifts/" + decided.ID, "/workspaces", "/workspaces/prod", "/checks",
			"/checks/" + failed.ID, "/alerts?read=all", "/audit", "/settings/profile", "/settings/sessions", "/settings/users", "/settings/keys", "/settings/channels", "/settings/trusts", "/settings/rules", "/settings/rules?status=ended", "/settings/rules/" + rule.ID, "/drifts/" + hidden.ID, "/settings/rules/new?type=aws_instance", "/inbox?view=ignored", "/inbox?by=group", "/insights",
			"/settings/operations", "/settings/design", "/trace/4bf92f3577b34da6a3ce929d0e0e4736", "/settings/nothing",
		} {
			p.show(path)
			p.inspect(path+", "+scheme, scheme)
		}
		p.show("/drifts/" + open.ID)
		p.press("a")
		p.await("the dialog", `document.querySelector('dialog[open]') !== null`)
		p.inspect("the decision, "+scheme, scheme)
	}
}

// prefer sets the colour scheme of the system, whose user wishes no motion.
func (p *tab) prefer(scheme string) {
	p.t.Helper()
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
	if err != nil {
		p.t.Fatal(err)
	}
}

// show goes to a screen without loading the page again, by way of one that is nothing like it, and waits until it is drawn.
func (p *tab) show(path string) {
	p.t.Helper()
	const nowhere = "/trace/nowhere"
	for _, to := range []string{nowhere, path} {
		value[bool](p, fmt.Sprintf(`(history.pushState(null, '', %s), dispatchEvent(new PopStateEvent('popstate')))`, quoted(to)))
		p.await(to+" is drawn", fmt.Sprintf(`document.querySelector('main h1') !== null
			&& (document.querySelector('main h1').textContent === 'That is no trace ID') === %t
			&& (document.querySelector('main .skeleton') === null || document.querySelector('.design') !== null)`, to == nowhere))
	}
}

// learn brings axe into the page, until that is loaded again.
func (p *tab) learn(axe string) {
	p.t.Helper()
	value[bool](p, fmt.Sprintf("(() => { %s; return true })()", axe))
}

// inspect looks at what the page shows now, wide and narrow. All rules look at the wide page in the light scheme. What stands for an
// element's name may be gone on a narrow screen, and sizes are others; colours are others in the dark scheme, and on a narrow screen
// behind others.
func (p *tab) inspect(what, scheme string) {
	p.t.Helper()
	const (
		all    = `['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']`
		colour = `{ type: 'rule', values: ['color-contrast', 'link-in-text-block'] }`
		layout = `{ type: 'rule', values: ['target-size', 'scrollable-region-focusable', 'button-name', 'link-name', 'label', 'select-name', 'aria-command-name',
			'aria-input-field-name', 'empty-heading', 'empty-table-header', 'page-has-heading-one', 'label-content-name-mismatch'] }`
	)
	for _, look := range []struct {
		width         int64
		scheme, rules string
	}{{1280, "light", all}, {360, "light", layout}, {360, "dark", colour}, {1280, "dark", colour}} {
		if look.scheme != scheme {
			continue
		}
		if err := chromedp.Do(p.ctx, chromedp.EmulateViewport(look.width, 800)); err != nil {
			p.t.Fatal(err)
		}
		found := value[[]string](p, fmt.Sprintf(`(async () => {
			await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
			const { violations } = await axe.run(document, { runOnly: %s, resultTypes: ['violations'], preload: false });
			return violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary.replaceAll(/\s+/g, ' ').slice(0, 220)));
		})()`, look.rules))
		for _, f := range found {
			p.t.Errorf("%s, %d pixels: %s", what, look.width, f)
		}
		// The page does not scroll: its main part does.
		const widest = `(() => { const m = document.querySelector('main'); return Math.max(document.documentElement.scrollWidth, innerWidth + m.scrollWidth - m.clientWidth) })()`
		if wide := value[int](p, widest); wide > int(look.width) {
			p.t.Errorf("%s is %d pixels wide on a screen of %d", what, wide, look.width)
		}
	}
}
