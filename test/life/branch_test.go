//go:build tofu

package life

import (
	"strings"
	"testing"
)

// moves: a drift follows its resource, with what was decided, when the branch of the record moves it.
func moves(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`), resource("server", "db", `size = "small"`))
	l.apply(t)
	l.change(t, "web", "size", "huge")
	l.change(t, "db", "size", "huge")
	l.send(t, l.refreshOnly)
	l.decide(t, "disk_server.web", "approve")
	before := l.record(t)

	const moved = "moved {\n  from = disk_server.web\n  to = disk_server.front\n}\nmoved {\n  from = disk_server.db\n  to = disk_machine.db\n}\n"
	const front = "resource \"disk_server\" \"front\" {\n  name = \"web\"\n  size = \"small\"\n}\n"
	l.configure(t, front, resource("machine", "db", `size = "small"`), moved)
	t.Run("a preview moves nothing", func(t *testing.T) {
		l.plan(t)
		c := l.send(t, documented(t, "preview"), "BRANCH=feature/front#2", "COMMIT=0123abc", "RUN_URL=https://ci.example/runs/7?attempt=1")
		if c.Purpose != "preview" || c.Ref != "feature/front#2" {
			t.Errorf("the check is %+v", c)
		}
		l.expect(t, map[string]string{"disk_server.web": "approved", "disk_server.db": "detected"})
	})
	t.Run("a plan without refresh moves them, too", func(t *testing.T) {
		l.send(t, l.normal.without(t, "refreshed=true&"), "TF_CLI_ARGS_plan=-refresh=false").expectEvidence(t, "unknown", "full", 2)
	})
	c := l.send(t, l.refreshOnly)
	if l.tool.name == "tofu" { // It does not list the drift of a resource that moves to another type.
		c.expectEvidence(t, "proven", "full", 1)
	} else {
		c.expectEvidence(t, "proven", "full", 0)
	}
	if c.Counts.New != 0 || c.Counts.Resolved != 0 {
		t.Errorf("the check is %+v", c)
	}
	l.expect(t, map[string]string{"disk_server.front": "approved", "disk_machine.db": "detected"})
	after := l.record(t)
	if before["disk_server.web"].ID != after["disk_server.front"].ID || before["disk_server.db"].ID != after["disk_machine.db"].ID {
		t.Error("these are other drifts")
	}
	if got := after["disk_machine.db"].ResourceType; got != "disk_machine" {
		t.Errorf("the type of what moved to another type is %s", got)
	}
	l.apply(t)
	l.send(t, l.normal).expectEvidence(t, "stated", "full", 0)
	l.expect(t, map[string]string{"disk_server.front": "reverted", "disk_machine.db": "reverted"})
}

// retypes: a drift stays where nothing but refresh-only plans shows that its resource moves to another type.
func retypes(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "db", `size = "small"`), resource("server", "web", ""))
	l.apply(t)
	l.change(t, "db", "size", "huge")
	l.send(t, l.refreshOnly)
	l.configure(t, resource("machine", "db", `size = "small"`), resource("server", "web", ""), "moved {\n  from = disk_server.db\n  to = disk_machine.db\n}\n")
	c := l.send(t, l.refreshOnly)
	if l.tool.name == "tofu" {
		c.expectEvidence(t, "proven", "full", 1)
		l.expect(t, map[string]string{"disk_server.db": "detected"})
	} else {
		c.expectEvidence(t, "proven", "full", 0)
		l.expect(t, map[string]string{"disk_machine.db": "detected"})
	}
	l.send(t, l.normal)
	l.expect(t, map[string]string{"disk_machine.db": "detected"})
	l.apply(t)
	l.send(t, l.normal).expectEvidence(t, "stated", "full", 0)
	l.expect(t, map[string]string{"disk_machine.db": "reverted"})
}

// branches: of a workspace that has the branch of its record, the plan of another branch is a preview by itself.
func branches(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`))
	l.apply(t)
	l.send(t, l.refreshOnly)
	l.set(t, `{"recordRef":"main"}`)
	l.change(t, "web", "size", "huge")
	of := func(ref string) block { return l.refreshOnly.with(t, "scope=full", "scope=full&ref="+ref) }
	if c := l.send(t, of("feature")); c.Purpose != "preview" || c.Ref != "feature" {
		t.Errorf("the check is %+v", c)
	}
	l.expect(t, nil)
	if c := l.send(t, of("main")); c.Purpose == "preview" || c.Ref != "main" {
		t.Errorf("the check is %+v", c)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected"})
	if c := l.send(t, l.refreshOnly); c.Purpose == "preview" || !strings.Contains(strings.Join(c.Evidence.Reasons, " "), "ref") {
		t.Errorf("the check is %+v", c)
	}
}

// otherRoot: a plan that was sent to the wrong workspace judges nothing there.
func otherRoot(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`))
	l.apply(t)
	l.change(t, "web", "size", "huge")
	l.send(t, l.refreshOnly)

	other := lifetime{newRoot(t, l.pair, l.tool, l.workspace), l.refreshOnly, l.normal}
	other.configure(t, resource("server", "elsewhere", ""))
	other.apply(t)
	c := other.send(t, l.refreshOnly)
	if !c.RootMismatch || len(c.Evidence.Reasons) == 0 {
		t.Errorf("the check is %+v", c)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected"})
	other.change(t, "elsewhere", "size", "huge")
	if c := other.send(t, l.refreshOnly); !c.RootMismatch || c.Counts.New != 1 {
		t.Errorf("the check is %+v", c)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected"})
	if c := l.send(t, l.refreshOnly); c.RootMismatch {
		t.Errorf("the right root is taken for another one: %+v", c)
	}

	t.Run("unless an engineer accepts it once", func(t *testing.T) {
		l.set(t, `{"acceptRoot":true}`)
		if c := other.send(t, l.refreshOnly); c.RootMismatch {
			t.Errorf("the check is %+v", c)
		}
		l.expect(t, map[string]string{"disk_server.web": "removed", "disk_server.elsewhere": "detected"})
	})
}
