//go:build tofu

package life

import (
	"strings"
	"testing"
)

// failures: a workspace whose run failed is not green, and keeps its drifts.
func failures(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`), resource("server", "db", ""))
	l.apply(t)
	l.change(t, "web", "size", "huge")
	l.send(t, l.refreshOnly)
	l.change(t, "db", "name", 7) // The provider cannot read that.

	t.Run("the plan of it", func(t *testing.T) {
		c := l.send(t, l.normal.with(t, "-out tfplan", "-out tfplan || true"))
		if c.Status != "failed" || c.Evidence.Refreshed != "no" || len(c.Evidence.Reasons) == 0 {
			t.Errorf("the check is %+v", c)
		}
		l.expectWorkspace(t, "failed")
	})
	l.change(t, "db", "name", "db")
	l.send(t, l.refreshOnly)
	l.expectWorkspace(t, "drifted")
	t.Run("its failure alone", func(t *testing.T) {
		l.send(t, documented(t, "failure"), "RUN_URL=https://ci.example/runs/8")
		l.expectWorkspace(t, "failed")
	})
	l.expect(t, map[string]string{"disk_server.web": "detected"})
}

// mistakes: every other file is refused, with the command that makes the plan in the message, and the workspace is not
// green after it. Lines that a CI wrapper prints around the plan are no mistake.
func mistakes(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`))
	l.apply(t)
	l.change(t, "web", "size", "huge")
	show := l.tool.name + " show -json tfplan > plan.json"
	l.send(t, l.refreshOnly)
	for _, m := range []struct{ name, instead string }{
		{"the plan file", "cp tfplan plan.json"},
		{"the plan as text", l.tool.name + " show -no-color tfplan > plan.json"},
		{"the plan as coloured text", l.tool.name + " show tfplan > plan.json"},
		{"the state", l.tool.name + " show -json > plan.json"},
		{"the state file", "cp terraform.tfstate plan.json"},
		{"the log of a plan", l.tool.name + " plan -refresh-only -json > plan.json"},
		{"nothing", ": > plan.json"},
	} {
		t.Run(m.name, func(t *testing.T) {
			_, curl, _ := strings.Cut(l.refreshOnly.text, show)
			out, err := l.run(t, block{m.name, m.instead + curl})
			if err == nil || !strings.Contains(out, `"code":"VALIDATION_ERROR"`) || !strings.Contains(out, "show -json") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	l.expectWorkspace(t, "failed")
	if n := l.failureAlerts(t); n != 1 {
		t.Errorf("%d alerts for one streak of failures", n)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected"})
	t.Run("a plan between lines of a wrapper", func(t *testing.T) {
		wrapped := `{ echo "[command]/bin/tool show -json tfplan"; cat plan.json; echo; echo "::debug::exitcode: 0"; } > x && mv x plan.json`
		if c := l.send(t, l.refreshOnly.with(t, show, show+"\n"+wrapped)); c.Status != "drifted" {
			t.Errorf("the check is %+v", c)
		}
	})
}
