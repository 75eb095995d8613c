package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hashicorp/terraform#1719, hashicorp/terraform-provider-aws#29142: one rule of a set is named, not the whole set.
func TestField_sets(t *testing.T) {
	for _, name := range []string{"case03a", "case03b"} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			r.wantCounts(r.send(name, ""), 1, 0, 0, 0)
			if d := r.drifts()["aws_security_group.core"]; len(d.Difference) < 1 || len(d.Difference) > 2 {
				t.Errorf("%d paths: %v", len(d.Difference), slices.Sorted(maps.Keys(d.Difference)))
			}
		})
	}
}

// hashicorp/terraform-provider-aws#39788, #21968: a policy whose keys or lists are in another order.
func TestField_policies(t *testing.T) {
	t.Run("order of keys", func(t *testing.T) {
		r := startReport(t)
		if c := r.send("case04a", ""); c.Status != "ok" || len(r.drifts()) != 0 {
			t.Errorf("%+v, %v", c, r.drifts())
		}
	})
	t.Run("order of lists", func(t *testing.T) {
		r := startReport(t)
		r.send("case04b", "")
		for _, d := range r.drifts() {
			if d.Severity != "info" {
				t.Errorf("%s is %s", d.ResourceID, d.Severity)
			}
		}
		if _, ok := r.drifts()["aws_kms_key.main"]; ok {
			r.decide("approve", "aws_kms_key.main")
		}
		r.send("case04c", "")
		for _, d := range r.drifts() {
			if d.Status != "approved" {
				t.Errorf("another order of a policy: %s is %s", d.ResourceID, d.Status)
			}
		}
	})
}

// astronomer/terraform-provider-astro#338, snyk/driftctl#369: a value that is another one in each run. Without rules and
// without decisions on paths a decision does not outlive it yet; both drifts are found again.
func TestField_noise(t *testing.T) {
	r := startReport(t)
	r.wantCounts(r.send("case05a", ""), 2, 0, 0, 0)
	if c := r.send("case05b", ""); c.Counts.New != 0 || c.Counts.Changed+c.Counts.Unchanged != 2 || c.Counts.Resolved != 0 {
		t.Errorf("%+v", c.Counts)
	}
}

// PagerDuty/terraform-provider-pagerduty#389: ignore_changes shows as the planned no-op.
func TestField_ignore_changes(t *testing.T) {
	r := startReport(t)
	r.wantCounts(r.send("case06", ""), 3, 0, 0, 0)
	for id, want := range map[string]string{
		"aws_instance.plain": "no-op", "aws_instance.web": "no-op", "aws_security_group.core": "update",
	} {
		if d := r.drifts()[id]; d.PlannedAction == nil || *d.PlannedAction != want {
			t.Errorf("%s: planned %v, want %s", id, d.PlannedAction, want)
		}
	}
}

// cds-snc/terraform-plan#28, diggerhq/digger#1538: lines of a CI job around the plan.
func TestField_wrapper(t *testing.T) {
	for name, lines := range map[string]int{"case08a": 3, "case08b": 2} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			c := r.sendLines(name)
			r.wantCounts(c, 1, 0, 0, 0)
			if c.WrapperLines != lines {
				t.Errorf("%d lines, want %d", c.WrapperLines, lines)
			}
			r.wantOpen(map[string]string{`aws_instance.ü["größe"]`: "detected"})
		})
	}
}

// hashicorp/terraform#35163, opentofu/opentofu#2481: a resource that moves to another type.
func TestField_move_to_another_type(t *testing.T) {
	r := startReport(t)
	r.send("case11a", "")
	before := r.drifts()["null_resource.job"]
	r.send("case11b", "")
	after, ok := r.drifts()["terraform_data.job"]
	if !ok || len(r.drifts()) != 1 || after.ID != before.ID || after.ResourceType != "terraform_data" || after.Provider == before.Provider {
		t.Errorf("%+v\nbecame\n%+v", before, r.drifts())
	}
}

// hashicorp/terraform-provider-helm#424, polarsource/polar#13586: documents inside strings, whose secrets are masked, and the
// rest of which can be read.
func TestField_documents(t *testing.T) {
	for name, tt := range map[string]struct {
		id       string
		readable []string
	}{
		"case14a": {"aws_ecs_task_definition.app", []string{"img:2", "LOG_LEVEL", "DB_PASSWORD", "[redacted]"}},
		"case14d": {"kubernetes_manifest.s", []string{`"kind": "Secret"`, "dbconn", "stringData", "[redacted]"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			r.wantCounts(r.send(name, ""), 1, 0, 0, 0)
			d := r.detail(tt.id)
			if len(d.Difference) == 0 {
				t.Errorf("%+v", d)
			}
			for _, part := range tt.readable {
				if !strings.Contains(string(d.ActualState), part) {
					t.Errorf("%s cannot be read in %s", part, d.ActualState)
				}
			}
			r.wantNoSecret()
		})
	}
}

// turbot/steampipe#292: a NUL in one attribute does not refuse the plan.
func TestField_nul(t *testing.T) {
	r := startReport(t)
	c := r.send("case17a", "")
	r.wantCounts(c, 1, 0, 0, 0)
	if c.LeftOut.Count != 1 || len(c.LeftOut.Entries) != 1 || c.LeftOut.Entries[0].Resource != "aws_instance.nul" || c.LeftOut.Entries[0].Path == "" || c.LeftOut.Entries[0].Reason == "" {
		t.Errorf("%+v", c.LeftOut)
	}
	r.wantOpen(map[string]string{"aws_instance.ok": "detected"})
}

// hashicorp/terraform#34866, pulumi/pulumi-terraform-module#175: numbers as they are, compared by their value.
func TestField_numbers(t *testing.T) {
	t.Run("huge", func(t *testing.T) {
		r := startReport(t)
		r.wantCounts(r.send("case18a", ""), 2, 0, 0, 0)
		if d := r.detail("aws_instance.big"); d.Status != "detected" || !strings.Contains(string(d.ActualState), `"1e400"`) {
			t.Errorf("%+v", d)
		}
	})
	t.Run("exact", func(t *testing.T) {
		r := startReport(t)
		r.wantCounts(r.send("case18b", ""), 1, 0, 0, 0)
		var n struct{ Expected, Actual json.Number }
		d := r.detail("databricks_x.y")
		if err := json.Unmarshal(d.Difference["n"], &n); err != nil || len(d.Difference) != 1 || n.Expected != "9223372036854775808" || n.Actual != "9223372036854775807" {
			t.Errorf("%v: %s", err, d.Difference)
		}
	})
	t.Run("equal ones written in other ways", func(t *testing.T) {
		r := startReport(t)
		for as, digits := range map[string]string{"9.223372036854775808e18": "9223372036854775808", "1.50": "1.5", "1E+2": "100", "-0": "0"} {
			body := strings.NewReplacer("9223372036854775808", as, "9223372036854775807", digits, "20:01:00Z", "20:02:00Z").Replace(string(r.plan("case18b")))
			if c := r.sendBody([]byte(body), ""); c.Status != "ok" || len(r.drifts()) != 0 {
				t.Errorf("%s is not %s: %+v", as, digits, c)
			}
		}
	})
}

// TestField_every_plan: no plan of a report is without its test.
func TestField_every_plan(t *testing.T) {
	var tests []byte
	for _, name := range []string{"field_test.go", "field_content_test.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, source...)
	}
	files, err := filepath.Glob("../plan/testdata/field/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		tested := func(length int) bool { return bytes.Contains(tests, []byte(`"`+name[:length]+`"`)) }
		if !slices.ContainsFunc([]int{len("case01a"), len("case06"), len("case02-legacy"), len("case10x-a")}, tested) {
			t.Errorf("no test sends %s", name)
		}
	}
}

// Tags in the words of AWS, Google and Kubernetes.
func TestField_tags(t *testing.T) {
	r := startReport(t)
	r.wantCounts(r.send("case22a", ""), 4, 0, 0, 0)
	for id, d := range r.drifts() {
		if d.Severity != "info" {
			t.Errorf("%s is %s", id, d.Severity)
		}
	}
}

// overmindtech/cli#18: what is planned follows the plans.
func TestField_planned_action(t *testing.T) {
	r := startReport(t)
	r.send("case28a", "")
	r.decide("approve", "aws_instance.web")
	if d := r.drifts()["aws_instance.web"]; d.PlannedAction != nil {
		t.Errorf("a refresh-only plan plans %s", *d.PlannedAction)
	}
	version := r.drifts()["aws_instance.web"].Version
	for _, step := range []struct{ name, want string }{{"case28b", "delete"}, {"case28c", "no-op"}} {
		r.wantCounts(r.send(step.name, ""), 0, 1, 0, 0)
		version++
		if d := r.drifts()["aws_instance.web"]; d.PlannedAction == nil || *d.PlannedAction != step.want || d.Version != version || d.Status != "approved" {
			t.Errorf("%s: %+v", step.name, d)
		}
	}
	t.Run("a refresh-only plan leaves it", func(t *testing.T) {
		r.wantCounts(r.sendBody(later(r.plan("case28a"), "20:01:00Z", "20:09:00Z"), ""), 0, 0, 1, 0)
		if d := r.drifts()["aws_instance.web"]; d.PlannedAction == nil || *d.PlannedAction != "no-op" {
			t.Errorf("%+v", d)
		}
	})
}
