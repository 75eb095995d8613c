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
// pixels. Mutations: a button without its label; --text-soft lighter; a row wider than the screen.
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
	failed := d.fail("prod", "terraform init failed", client.Source{Ref: "main"})
	p := d.person()
	for _, scheme := range []string{"light", "dark"} {
		// Before the page is opened: a page in which the scheme changes has a moment of both.
		p.prefer(scheme)
		p.visit(d.API.URL() + "/sign-in")
		if scheme == "light" {
			p.await("the form", `document.querySelector('input[type=email]') !== null`)
			p.inspect(string(axe), "/sign-in, "+scheme)
			d.signIn(p, "admin")
		}
		for _, path := range []string{
			"/inbox", "/inbox?view=all", "/inbox?search=nothing", "/drifts/" + open.ID, "/drifts/" + decided.ID, "/workspaces", "/workspaces/prod", "/checks",
			"/checks/" + failed.ID, "/alerts?read=all", "/audit", "/settings/profile", "/settings/sessions", "/settings/users", "/settings/keys",
			"/settings/operations", "/settings/design", "/trace/4bf92f3577b34da6a3ce929d0e0e4736", "/settings/nothing",
		} {
			p.visit(d.API.URL() + path)
			p.await(path+" is drawn", `document.querySelector('main') !== null && document.querySelector('.account') !== null && (document.querySelector('.skeleton') === null || location.pathname.endsWith('design'))`)
			p.inspect(string(axe), path+", "+scheme)
		}
		p.visit(d.API.URL() + "/drifts/" + open.ID)
		p.await("the drift", `document.querySelector('.actions .button-primary') !== null`)
		p.press("a")
		p.await("the dialog", `document.querySelector('dialog[open]') !== null`)
		p.inspect(string(axe), "the decision, "+scheme)
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

// inspect looks at what the page shows now, wide and narrow.
func (p *tab) inspect(axe, what string) {
	p.t.Helper()
	for _, width := range []int64{1280, 360} {
		if err := chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 800)); err != nil {
			p.t.Fatal(err)
		}
		found := value[[]string](p, fmt.Sprintf(`(async () => {
			if (window.axe === undefined) { %s }
			await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
			const { violations } = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
			return violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary.replaceAll(/\s+/g, ' ').slice(0, 220)));
		})()`, axe))
		for _, f := range found {
			p.t.Errorf("%s, %d pixels: %s", what, width, f)
		}
		if wide := value[int](p, `document.documentElement.scrollWidth`); wide > int(width) {
			p.t.Errorf("%s is %d pixels wide on a screen of %d", what, wide, width)
		}
	}
}
