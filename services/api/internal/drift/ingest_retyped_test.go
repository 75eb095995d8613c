package drift_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

var timestamp = regexp.MustCompile(`"timestamp":"[^"]*",?`)

// TestService_Ingest_retyped sends plans of real OpenTofu, which lists no drift of a resource that is about to move to another type.
// Mutations: Retyped not stored, not read, not kept, not cleared when the drift is seen; moves of a normal plan, a Retyped drift and
// namesakes not looked at, each alone; what they hold not compared; the mode of a plan in place of its moves; Complete not
// looked at; the type left as it was.
func TestService_Ingest_retyped(t *testing.T) {
	const server, machine = "disk_server.db", "disk_machine.db"
	// In the form of OpenTofu, which lists it again once the move is applied.
	listed := func(body string) string {
		return strings.ReplaceAll(body, `"disk_server.db","mode":"managed","type":"disk_server"`, `"disk_machine.db","mode":"managed","type":"disk_machine"`)
	}
	alone := func(body string) string { // What is slimmed to the drift alone shows no moves.
		return `{"format_version":"1.2","resource_drift":` + regexp.MustCompile(`(?s)"resource_drift":(\[.*\]),"resource_changes"`).FindStringSubmatch(body)[1] + `}`
	}
	terraform := func(body string) string { return strings.Replace(body, "{", `{"complete":true,`, 1) }
	type step struct {
		plan     string
		change   func(string) string
		resource string
		how      string // or the status, while it is open
		unproven int
	}
	for name, steps := range map[string][]step{
		"by refresh-only plans": {
			{"2_refresh_only", nil, server, "detected", 1},
			{"2_refresh_only", nil, server, "detected", 1},
			{"3_applied_refresh_only", nil, server, "removed", 0},
		},
		"by a normal plan": {
			{"2_normal", nil, machine, "detected", 1},
			{"2_normal", nil, machine, "detected", 1},
			{"3_applied_normal", nil, machine, "reverted", 0},
		},
		"by a plan without refresh": {
			{"2_no_refresh", nil, machine, "detected", 2},
			{"2_refresh_only", nil, machine, "detected", 1},
			{"2_normal", alone, machine, "detected", 1},
			{"3_applied_refresh_only", nil, machine, "detected", 1},
			{"3_applied_normal", nil, machine, "reverted", 0},
		},
		"listed again": {
			{"2_no_refresh", nil, machine, "detected", 2},
			{"1_drift", listed, machine, "detected", 0},
			{"3_applied_refresh_only", nil, machine, "reverted", 0},
		},
		"by Terraform, which would list it": {
			{"2_normal", terraform, machine, "accepted", 0},
		},
		"gone by Terraform, which would list it": {
			{"2_refresh_only", terraform, server, "removed", 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			send := func(name string, change func(string) string) *drift.Check {
				body := timestamp.ReplaceAllString(fixture(t, "retyped_"+name+"_tofu1.12.json"), "")
				if change != nil {
					body = change(body)
				}
				return w.ingest("prod", body, func(u *drift.Upload) {
					u.Scope, u.Refreshed = plan.ScopeFull, !strings.Contains(name, "no_refresh")
				}).Check
			}
			send("1_drift", nil)
			id := w.drifts()[server].ID
			for _, s := range steps {
				c := send(s.plan, s.change)
				d := w.drifts()[s.resource]
				if d == nil || d.ID != id {
					t.Fatalf("%s: the drift is not at %s: %v", s.plan, s.resource, w.drifts())
				}
				how := string(d.Status)
				if d.ResolvedHow != nil {
					how = string(*d.ResolvedHow)
				}
				if how != s.how || c.Evidence.Unproven != s.unproven || d.ResourceType+".db" != s.resource {
					t.Errorf("%s: %s %s, %+v; want %s, %d unproven", s.plan, d.ResourceType, how, c.Evidence, s.how, s.unproven)
				}
				says := slices.ContainsFunc(c.Evidence.Reasons, func(r string) bool { return strings.Contains(r, "another type") })
				if c.Evidence.Refreshed != plan.RefreshUnknown && says != (s.unproven > 0) {
					t.Errorf("%s: %q", s.plan, c.Evidence.Reasons)
				}
			}
		})
	}
}

// TestService_Ingest_forgotten sends plans that only forget a resource. OpenTofu refreshes it and lists its drift; Terraform does neither.
// Mutation: resources that no configuration has judged like the others.
func TestService_Ingest_forgotten(t *testing.T) {
	for name, unproven := range map[string]int{"tf1.11.4": 1, "tofu1.12": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, part := range []string{"1_drift_", "2_normal_"} {
				c := w.ingest("prod", fixture(t, "forgotten_"+part+name+".json"), func(u *drift.Upload) { u.Scope = plan.ScopeFull }).Check
				if part == "2_normal_" && (c.Evidence.Unproven != unproven || len(c.Evidence.Reasons) != unproven || c.Counts.Resolved != 1) {
					t.Errorf("%+v", c)
				}
			}
			found := w.drifts()
			if web, db := found["disk_server.web"], found["disk_server.db"]; web.Status != drift.Detected || db.ResolvedHow == nil || *db.ResolvedHow != drift.Reverted {
				t.Errorf("web %+v, db %+v", web, db)
			}
		})
	}
}
