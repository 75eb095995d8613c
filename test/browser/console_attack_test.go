package browser

import (
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// hostile are texts that would run if a page made HTML of them, and ones that would hide or turn what stands around them.
var hostile = []string{
	`<img src=x onerror="window.hacked=1">`,
	`"><script>window.hacked=1</script>`,
	`javascript:window.hacked=1//`,
	`<svg/onload=window.hacked=1>`,
	"{{constructor.constructor('window.hacked=1')()}}",
}

// TestAttackConsole: nothing that CI or people write runs in the page, on any screen; it is shown as it was written. Mutation: any
// dangerouslySetInnerHTML of a value stops the page by Trusted Types; a policy without them, and the same, sets hacked.
func TestAttackConsole(t *testing.T) {
	d := startDesk(t)
	var last client.Drift
	for i, text := range hostile {
		made, err := d.engineer.ReportDrift(t.Context(), client.DriftReport{
			ResourceID: text + strings.Repeat("x", i), ResourceType: text, Region: "r" + text, Severity: client.Critical,
			ExpectedState: map[string]any{text: text, "__proto__": text, "list": []string{text}}, ActualState: map[string]any{text: "other " + text, "more": map[string]string{text: text}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if last, err = d.engineer.ApproveDrift(t.Context(), made.ID, client.Decision{Reason: "a reason: " + text}); err != nil {
			t.Fatal(err)
		}
	}
	admin := d.story().Admin
	rule, err := admin.CreateRule(t.Context(), client.RuleDraft{
		Effect: client.SetOwner, Owner: hostile[0], Match: client.RuleMatch{Types: hostile, Paths: []string{hostile[1]}}, Reason: "a reason: " + hostile[0],
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTrust(t.Context(), client.NewTrust{
		Name: hostile[0], Issuer: "https://gitlab.example.com", Audience: hostile[1], Subject: "project_path:acme/" + hostile[0], Claims: map[string]string{hostile[0]: hostile[1]},
	}); err != nil {
		t.Fatal(err)
	}
	d.fail("prod", "it failed: "+hostile[0], client.Source{Ref: hostile[0], TriggeredBy: hostile[1]})
	p := d.person()
	d.signIn(p, "admin")
	for _, path := range []string{
		"/inbox?view=all", "/drifts/" + last.ID, "/workspaces", "/workspaces/prod", "/checks", "/alerts?read=all", "/insights", "/audit", "/settings/operations",
		"/settings/rules", "/settings/rules/" + rule.ID, "/settings/rules/new?path=%3Cimg+src%3Dx+onerror%3Dwindow.hacked%3D1%3E&type=*", "/settings/trusts", "/inbox?view=ignored",
		"/inbox?search=" + "%3Cimg+src%3Dx+onerror%3Dwindow.hacked%3D1%3E", "/sign-in?to=javascript:window.hacked=1", "/workspaces/%3Cimg%20src=x%20onerror=window.hacked=1%3E",
		"/trace/%3Cscript%3E",
	} {
		p.visit(d.API.URL() + path)
		p.await(path+" is drawn", `document.querySelector('main') !== null && document.querySelector('.skeleton') === null && document.querySelector('.account') !== null`)
		if value[bool](p, `window.hacked !== undefined`) {
			t.Errorf("%s: a text ran", path)
		}
		if n := value[int](p, `document.querySelectorAll('main img, main script, main svg[onload], main [onerror], a[href^="javascript"]').length`); n > 0 {
			t.Errorf("%s: %d elements that texts made", path, n)
		}
	}
	p.visit(d.API.URL() + "/drifts/" + last.ID)
	p.await("the drift", `document.querySelector('.diff') !== null`)
	if !p.has(hostile[len(hostile)-1], "a reason: "+hostile[len(hostile)-1]) {
		t.Error("the texts are not shown as they were written")
	}
	if got := value[string](p, `(() => { try { document.createElement('p').innerHTML = '<b>x</b>'; return 'made' } catch (e) { return e.name } })()`); got != "TypeError" {
		t.Errorf("HTML of a text: %s", got)
	}
}
