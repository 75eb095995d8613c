//go:build tofu

package life

import (
	"testing"
)

// lifetime is one root in the course of a test, with the commands of the page for its tool.
type lifetime struct {
	*root
	refreshOnly, normal block
}

func live(t *testing.T, p *pair, c tool, workspace string) lifetime {
	t.Helper()
	return lifetime{newRoot(t, p, c, workspace), documented(t, c.name+" refresh-only"), documented(t, c.name+" normal")}
}

// TestLife goes with each tool through what happens to drifts. Each test has a root and a workspace of its own.
func TestLife(t *testing.T) {
	for _, name := range []string{"terraform", "tofu"} {
		t.Run(name, func(t *testing.T) {
			c := findTool(t, name)
			p := startPair(t)
			for _, part := range []struct {
				name string
				test func(*testing.T, lifetime)
			}{
				{"plans that prove nothing close nothing", proveNothing},
				{"the state tells how a drift ended", ends},
				{"a moved resource takes its drift along", moves},
				{"a resource that moves to another type is judged after it moved", retypes},
				{"a resource that is to be forgotten is not judged", removals},
				{"a run that failed is told", failures},
				{"what is no plan is refused and named", mistakes},
				{"another root closes nothing", otherRoot},
				{"another branch changes nothing", branches},
				{"differences are of meaning", meaning},
			} {
				t.Run(part.name, func(t *testing.T) {
					t.Parallel()
					part.test(t, live(t, p, c, t.Name()))
				})
			}
		})
	}
}

// proveNothing: an open drift outlives every plan that did not look at it.
func proveNothing(t *testing.T, l lifetime) {
	const rest = "tags = { owner = \"net\" }\n  password = \"fakepw-of-web\""
	l.configure(t, resource("server", "web", `size = "small"`), resource("server", "db", ""), resource("server", "cache", rest))
	l.apply(t)
	clean := l.send(t, l.refreshOnly)
	if clean.Status != "ok" {
		t.Errorf("the first check is %s", clean.Status)
	}
	clean.expectEvidence(t, "proven", "full", 0)

	l.change(t, "web", "size", "huge")
	l.change(t, "cache", "tags", map[string]string{"owner": "someone"})
	l.lose(t, "db")
	found := l.send(t, l.refreshOnly)
	if found.Status != "drifted" || found.Counts.New != 3 {
		t.Errorf("the check is %+v", found)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected", "disk_server.db": "detected", "disk_server.cache": "detected"})
	l.decide(t, "disk_server.web", "approve")
	l.decide(t, "disk_server.cache", "reject")
	same := map[string]string{"disk_server.web": "approved", "disk_server.db": "detected", "disk_server.cache": "rejected"}
	l.expect(t, same)

	t.Run("-refresh=false", func(t *testing.T) {
		l.send(t, l.normal.without(t, "refreshed=true&"), "TF_CLI_ARGS_plan=-refresh=false").expectEvidence(t, "unknown", "full", 3)
		l.expect(t, same)
	})
	t.Run("a destroy plan", func(t *testing.T) {
		l.send(t, l.normal, "TF_CLI_ARGS_plan=-destroy").expectEvidence(t, "no", "full", 3)
		l.expect(t, same)
	})
	t.Run("a part", func(t *testing.T) {
		// Terraform states it in the plan; for OpenTofu the sender must.
		if l.tool.name == "tofu" {
			l.send(t, documented(t, "tofu partial")).expectEvidence(t, "proven", "partial", 2)
		} else {
			l.send(t, l.refreshOnly, "TF_CLI_ARGS_plan=-target=disk_server.web").expectEvidence(t, "proven", "partial", 2)
		}
		l.expect(t, same)
	})
	t.Run("a refresh-only plan counts up", func(t *testing.T) {
		again := l.send(t, l.refreshOnly)
		again.expectEvidence(t, "proven", "full", 0)
		if again.Counts.Unchanged != 3 {
			t.Errorf("the check is %+v", again)
		}
		l.expect(t, same)
	})
	t.Run("a normal plan tells what an apply would do", func(t *testing.T) {
		l.send(t, l.normal).expectEvidence(t, "proven", "full", 0)
		for id, want := range map[string]string{"disk_server.web": "update", "disk_server.db": "create", "disk_server.cache": "update"} {
			if got := l.record(t)[id].PlannedAction; got != want {
				t.Errorf("the planned action of %s is %q, want %s", id, got, want)
			}
		}
		l.expect(t, same)
	})
	t.Run("a destroy plan with mode=normal", func(t *testing.T) {
		l.send(t, l.normal.with(t, "refreshed=true", "refreshed=true&mode=normal"), "TF_CLI_ARGS_plan=-destroy").expectEvidence(t, "no", "full", 3)
		l.expect(t, same)
	})
}

// ends: how a drift ended is read from prior_state, whatever was decided.
func ends(t *testing.T, l lifetime) {
	configure := func(third string) {
		l.configure(t, resource("server", "back", `size = "small"`), resource("server", "kept", `size = "small"`),
			resource("server", "third", third), resource("server", "late", `size = "small"`))
	}
	configure(`size = "small"`)
	l.apply(t)
	for _, name := range []string{"back", "kept", "third"} {
		l.change(t, name, "size", "huge")
	}
	l.send(t, l.refreshOnly)
	l.decide(t, "disk_server.back", "reject")
	l.decide(t, "disk_server.kept", "reject") // and yet it is kept

	configure(`size = "medium"`)
	l.apply(t, "-refresh-only", "-target=disk_server.kept")
	l.apply(t, "-target=disk_server.back", "-target=disk_server.third")
	l.change(t, "late", "size", "huge") // A drift that is still there proves that a normal plan was refreshed.
	l.send(t, l.normal).expectEvidence(t, "proven", "full", 0)
	l.expect(t, map[string]string{
		"disk_server.back": "reverted", "disk_server.kept": "accepted", "disk_server.third": "superseded", "disk_server.late": "detected",
	})

	t.Run("a resource that is gone from the state", func(t *testing.T) {
		l.configure(t, resource("server", "back", ""))
		l.apply(t)
		l.send(t, l.refreshOnly).expectEvidence(t, "proven", "full", 0)
		if got := l.record(t)["disk_server.late"].how(); got != "removed" {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("a state that is empty", func(t *testing.T) {
		l.change(t, "back", "size", "huge")
		l.send(t, l.refreshOnly)
		l.configure(t)
		l.apply(t)
		l.send(t, l.refreshOnly).expectEvidence(t, "proven", "full", 0)
		if got := l.record(t)["disk_server.back"].how(); got != "unknown" {
			t.Errorf("it is %s", got)
		}
	})
}

// removals: a normal plan of Terraform does not refresh what it only forgets, so it does not judge that. OpenTofu does, and lists it.
func removals(t *testing.T, l lifetime) {
	l.configure(t, resource("server", "web", `size = "small"`), resource("server", "db", `size = "small"`))
	l.apply(t)
	l.change(t, "web", "size", "huge")
	l.change(t, "db", "size", "huge")
	l.send(t, l.refreshOnly)

	l.configure(t, resource("server", "db", `size = "small"`), "removed {\n  from = disk_server.web\n  lifecycle {\n    destroy = false\n  }\n}\n")
	l.change(t, "db", "size", "small")
	if c := l.send(t, l.normal); l.tool.name == "tofu" {
		c.expectEvidence(t, "proven", "full", 0)
	} else {
		c.expectEvidence(t, "stated", "full", 1)
	}
	l.expect(t, map[string]string{"disk_server.web": "detected", "disk_server.db": "reverted"})
	l.apply(t)
	l.send(t, l.refreshOnly).expectEvidence(t, "proven", "full", 0)
	l.expect(t, map[string]string{"disk_server.web": "removed", "disk_server.db": "reverted"})
}

// meaning: what differs in bytes alone is no drift, and a secret is shown nowhere.
func meaning(t *testing.T, l lifetime) {
	const web = `
  policy = jsonencode({ Version = "1", Statement = [{ Sid = "a", Action = ["x", "y"] }] })
  ports = [80, 443]
  zones = ["a", "b", "c"]
  password = "fakepw-of-web"
  rule {
    port = 80
    cidr = "10.0.0.0/8"
  }
  rule {
    port = 443
    cidr = "10.0.0.0/8"
  }`
	l.configure(t, resource("server", "web", web))
	l.apply(t)
	l.change(t, "web", "policy", `{"Version": "1", "Statement": [ {"Action": ["y", "x"], "Sid": "a"} ]}`)
	l.change(t, "web", "ports", []int{443, 80})
	l.send(t, l.refreshOnly)
	if d := l.record(t)["disk_server.web"]; len(d.Difference) > 0 {
		t.Errorf("an order is a difference: %v", d.Difference)
	}

	l.change(t, "web", "rules", []map[string]any{{"port": 22, "cidr": "0.0.0.0/0"}, {"port": 80, "cidr": "10.0.0.0/8"}, {"port": 443, "cidr": "10.0.0.0/8"}})
	l.change(t, "web", "password", "fakepw-by-hand")
	l.send(t, l.refreshOnly)
	d := l.record(t)["disk_server.web"]
	if len(d.Difference) != 2 || d.Difference["password"].Actual != "[redacted]" || d.Difference["password"].Expected != "[redacted]" {
		t.Errorf("a new rule and a new password differ in %v", d.Difference)
	}
	l.expectNoSecret(t, "fakepw-")
}
