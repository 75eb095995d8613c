//go:build pictures

package browser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/client"
)

// TestPictures makes a picture of each screen, light and dark, wide and narrow, in the folder PICTURES: of the installation of `make run`,
// of an empty one, of one with 50 drifts and of one with 10,000. People look at them. `make pictures` runs it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		t.Skip("PICTURES is not set: the folder for the pictures")
	}
	t.Run("story", func(t *testing.T) {
		d := startDesk(t)
		story := d.story()
		if err := story.Tell(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := d.person()
		d.signIn(p, "admin")
		p.visit(d.API.URL() + "/settings/rules")
		p.await("the rules are applied", `[...document.querySelectorAll('tbody td.number')].some((c) => c.textContent === '2')`)
		first := d.first(client.DriftQuery{Search: "aws_security_group.bastion"})
		decided := d.first(client.DriftQuery{Status: client.Rejected})
		hidden := d.first(client.DriftQuery{Search: "refunds", Suppressed: "true"})
		checks, err := d.engineer.ListChecks(t.Context(), client.CheckQuery{Status: "failed"}, client.Page{})
		if err != nil || len(checks.Items) == 0 {
			t.Fatalf("%v, %v", checks, err)
		}
		rules, err := d.engineer.ListRules(t.Context(), "", client.Page{})
		if err != nil {
			t.Fatal(err)
		}
		d.pictures(p, dir, map[string]string{
			"inbox": "/inbox", "all": "/inbox?view=all", "ignored": "/inbox?view=ignored", "groups": "/inbox?by=group", "nothing": "/inbox?search=nothing", "drift": "/drifts/" + first.ID,
			"decided": "/drifts/" + decided.ID, "hidden": "/drifts/" + hidden.ID, "workspaces": "/workspaces",
			"workspace": "/workspaces/payments%2Fproduction", "checks": "/checks", "check": "/checks/" + checks.Items[0].ID, "alerts": "/alerts?read=all", "insights": "/insights",
			"audit": "/audit", "profile": "/settings/profile", "sessions": "/settings/sessions", "users": "/settings/users", "keys": "/settings/keys", "trusts": "/settings/trusts",
			"channels": "/settings/channels", "rules": "/settings/rules", "rule": "/settings/rules/" + rules.Items[0].ID, "ended": "/settings/rules?status=ended",
			"rule-new": "/settings/rules/new?type=google_storage_bucket&path=labels", "operations": "/settings/operations", "design": "/settings/design",
			"trace": "/trace/4bf92f3577b34da6a3ce929d0e0e4736", "lost": "/nothing-here",
		})
		p.dress("dark", 1280)
		p.visit(d.API.URL() + "/inbox")
		p.await("the rows", `document.querySelectorAll('.row[data-row]').length > 5`)
		p.press("jxjx")
		p.picture(filepath.Join(dir, "selected-dark-wide.png"))
		hostile, err := d.engineer.ReportDrift(t.Context(), client.DriftReport{
			ResourceID:   strings.Repeat("module.a_long_name_that_goes_on.", 6) + `aws_instance.שרת["בדיקה"]`,
			ResourceType: "aws_instance", Region: "eu-central-1", Severity: client.Warning,
			ExpectedState: map[string]any{"תיאור": "שרת הבדיקות של הצוות", "user_data": strings.Repeat("0123456789", 60)},
			ActualState:   map[string]any{"תיאור": "שרת הבדיקות, זמני", "user_data": strings.Repeat("0123456789", 59) + "x"},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.pictures(p, dir, map[string]string{"long": "/drifts/" + hostile.ID, "inbox-long": "/inbox"})
		p.dress("light", 1280)
		p.visit(d.API.URL() + "/drifts/" + first.ID)
		p.await("the drift", `document.querySelector('.diff') !== null`)
		p.press("a")
		p.await("the dialog", `document.activeElement.tagName === 'TEXTAREA'`)
		p.picture(filepath.Join(dir, "approve-light-wide.png"))
		d.link.Cut()
		p.await("offline", `document.querySelector('.lost') !== null`)
		p.press("\x1b")
		p.picture(filepath.Join(dir, "offline-light-wide.png"))
		guest := d.person()
		for _, scheme := range []string{"light", "dark"} {
			guest.dress(scheme, 1280)
			guest.visit(d.API.URL() + "/sign-in")
			guest.await("the form", `document.querySelector('form') !== null`)
			guest.picture(filepath.Join(dir, "sign-in-"+scheme+"-wide.png"))
		}
	})
	for _, many := range []int{0, 1, 50, 10_000} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			d := startDesk(t)
			if many > 0 {
				if _, err := d.engineer.SendPlan(t.Context(), "huge", bytes.NewReader(planOf(t, many)), client.PlanOptions{Mode: "refresh-only", Scope: "full"}); err != nil {
					t.Fatal(err)
				}
			}
			p := d.person()
			d.signIn(p, "admin")
			d.pictures(p, filepath.Join(dir, fmt.Sprint(many)), map[string]string{
				"inbox": "/inbox", "groups": "/inbox?by=group", "workspaces": "/workspaces", "checks": "/checks", "alerts": "/alerts", "insights": "/insights", "rules": "/settings/rules",
				"trusts": "/settings/trusts", "channels": "/settings/channels",
			})
		})
	}
}

// first is one drift that passes a filter.
func (d *desk) first(q client.DriftQuery) client.Drift {
	d.t.Helper()
	page, err := d.engineer.ListDrifts(d.t.Context(), q, client.Page{Size: 1})
	if err != nil || len(page.Items) == 0 {
		d.t.Fatalf("no drift fits %+v: %v", q, err)
	}
	return page.Items[0]
}

func (d *desk) pictures(p *tab, dir string, paths map[string]string) {
	d.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		d.t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		p.dress(scheme, 1280)
		p.visit(d.API.URL() + "/inbox")
		p.await("the inbox", `document.querySelector('.account') !== null && document.querySelector('.live').textContent === 'live'`)
		for name, path := range paths {
			p.show(path)
			for wide, width := range map[string]int64{"wide": 1280, "narrow": 360} {
				p.dress(scheme, width)
				p.picture(filepath.Join(dir, name+"-"+scheme+"-"+wide+".png"))
			}
		}
	}
}

// dress sets the colour scheme and the width.
func (p *tab) dress(scheme string, width int64) {
	p.t.Helper()
	p.prefer(scheme)
	p.do("set the size", func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)) })
}

func (p *tab) picture(file string) {
	p.t.Helper()
	value[bool](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 120))))`)
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
