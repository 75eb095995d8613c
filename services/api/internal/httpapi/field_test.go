package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// hashicorp/terraform#38953, cloudflare/tf-migrate#233: a plan with -refresh=false looks clean, and is not.
func TestField_refresh_false(t *testing.T) {
	for _, query := range []string{"", "&scope=full"} {
		t.Run("query "+query, func(t *testing.T) {
			r := startReport(t)
			r.wantCounts(r.send("case01a", ""), 3, 0, 0, 0) // The bucket's policy differs in white space alone.
			r.decide("approve", "aws_instance.plain")
			r.decide("reject", "aws_security_group.core")
			c := r.send("case01b", query)
			r.wantCounts(c, 0, 0, 0, 0)
			if c.Evidence.Refreshed != "unknown" || c.Evidence.Unproven != 3 || c.Status != "drifted" {
				t.Errorf("%+v", c)
			}
			r.wantReason(c, "send refreshed=true")
			r.wantNoSecret()
			r.wantOpen(map[string]string{
				"aws_instance.plain": "approved", "aws_instance.web": "detected", "aws_security_group.core": "rejected",
			})
		})
	}
}

// gruntwork-io/terragrunt#1525: Terraform 0.14 cannot show drift.
func TestField_legacy_terraform(t *testing.T) {
	r := startReport(t)
	r.send("case02a", "")
	refused := r.api.Key.Wrong().Post(ingestPath, r.plan("case02-legacy")).Want(http.StatusBadRequest)
	if !strings.Contains(string(refused.Body), "0.14.11") {
		t.Errorf("the version is not named: %s", refused.Body)
	}
	r.wantOpen(map[string]string{"aws_instance.app": "detected"})
	if s := r.status(); s != "failed" {
		t.Errorf("the workspace is %s after a plan that was refused", s)
	}
}

// gruntwork-io/terragrunt#1525: two units under one workspace name.
func TestField_another_root(t *testing.T) {
	r := startReport(t)
	r.send("case10x-a", "")
	c := r.send("case10x-b", "&mode=refresh-only&scope=full")
	if !c.RootMismatch || c.Counts.Resolved != 0 || c.Evidence.Unproven != 1 || c.Status != "drifted" {
		t.Errorf("%+v", c)
	}
	r.wantReason(c, "acceptRoot")
	var workspace struct{ LastCheck, LastGoodCheck struct{ ID string } }
	r.api.Viewer.Get("/api/v1/workspaces/prod").Want(200).Decode(&workspace)
	if workspace.LastCheck.ID == c.ID || workspace.LastGoodCheck.ID != workspace.LastCheck.ID {
		t.Errorf("the workspace's last checks are %+v, and %s is of another root", workspace, c.ID)
	}
	r.wantOpen(map[string]string{"aws_vpc.main": "detected"})
	// The first root is still the workspace's own.
	if again := r.sendBody(later(r.plan("case10x-a"), "20:01:00Z", "20:03:00Z"), ""); again.RootMismatch || again.Counts.Unchanged != 1 {
		t.Errorf("the first root again: %+v", again)
	}
	t.Run("a root that was accepted is taken once", func(t *testing.T) {
		r.api.Engineer.Do("PATCH", "/api/v1/workspaces/prod", map[string]any{"acceptRoot": true}).Want(200)
		c := r.sendBody(later(r.plan("case10x-b"), "20:02:00Z", "20:04:00Z"), "&mode=refresh-only&scope=full")
		if c.RootMismatch || c.Counts.Resolved != 1 {
			t.Errorf("%+v", c)
		}
		if d := r.drifts()["aws_vpc.main"]; d.ResolvedHow == nil || *d.ResolvedHow != "removed" {
			t.Errorf("%+v", d)
		}
		if c := r.sendBody(later(r.plan("case10x-a"), "20:01:00Z", "20:05:00Z"), ""); !c.RootMismatch {
			t.Errorf("the first root is not another one now: %+v", c)
		}
	})
}

// hashicorp/terraform#29603, flux-iac/tofu-controller#890: the plan of a pull request must not touch what main has.
func TestField_pull_request(t *testing.T) {
	for name, query := range map[string]string{"by another ref": "&ref=refs/pull/7/merge", "by its purpose": "&purpose=preview"} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			r.send("case12a", "&ref=main&commit=4f0c2a9&runUrl=https://ci.example/1&triggeredBy=schedule")
			r.api.Engineer.Do("PATCH", "/api/v1/workspaces/prod", map[string]any{"recordRef": "main"}).Want(200)
			r.decide("approve", "aws_instance.web")
			before := r.detail("aws_instance.web")
			if before.Ref != "main" || before.Commit != "4f0c2a9" || before.RunURL != "https://ci.example/1" {
				t.Errorf("where it came from: %+v", before)
			}
			state := r.workspaceRow()
			c := r.send("case12b", query)
			if c.Purpose != "preview" {
				t.Errorf("%+v", c)
			}
			r.wantReason(c, "preview")
			r.wantOpen(map[string]string{"aws_instance.web": "approved"})
			if after := r.detail("aws_instance.web"); after.Version != before.Version || after.Ref != "main" {
				t.Errorf("the preview changed it: %+v", after)
			}
			if after := r.workspaceRow(); after != state {
				t.Errorf("the preview changed the workspace:\n%s\nwas\n%s", after, state)
			}
			c = r.send("case12c", "&ref=refs/heads/main")
			r.wantCounts(c, 0, 0, 1, 0)
			if c.Purpose != "record" {
				t.Errorf("%+v", c)
			}
			r.wantOpen(map[string]string{"aws_instance.web": "approved"})
			if c := r.sendBody(later(r.plan("case12c"), "20:03:00Z", "20:04:00Z"), ""); c.Purpose != "record" {
				t.Errorf("a plan that names no ref: %+v", c)
			} else {
				r.wantReason(c, "names no ref")
			}
		})
	}
}

// opentofu/opentofu#4570: OpenTofu does not say whether a plan covers everything.
func TestField_opentofu(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		resolved    int
		reason      string
	}{
		{"case16e", "", 0, "scope=full"},
		{"case16f", "", 0, "scope=full"},
		{"case16e", "&scope=full", 0, "refreshed=true"},
		{"case16f", "&scope=full", 2, ""},
		{"case16e", "&scope=full&refreshed=true", 2, ""},
	} {
		t.Run(tt.name+tt.query, func(t *testing.T) {
			r := startReport(t)
			r.wantCounts(r.send("case16a", ""), 2, 0, 0, 0)
			c := r.send(tt.name, tt.query)
			r.wantCounts(c, 0, 0, 0, tt.resolved)
			if c.Evidence.Unproven != 2-tt.resolved {
				t.Errorf("%+v", c.Evidence)
			}
			if tt.reason != "" {
				r.wantReason(c, tt.reason)
			}
		})
	}
}

// slok/tfe-drift#15: a run of which only is known that it errored.
func TestField_errored(t *testing.T) {
	r := startReport(t)
	errored := func() {
		t.Helper()
		c := r.send("case20f", "")
		if c.Status != "failed" || c.Evidence.Refreshed != "no" || c.Evidence.Coverage != "unknown" {
			t.Errorf("%+v", c)
		}
		r.wantReason(c, "succeeds")
		if strings.Contains(strings.Join(c.Evidence.Reasons, " "), "scope=full") {
			t.Errorf("scope=full would not help: %q", c.Evidence.Reasons)
		}
	}
	errored()
	if s := r.status(); s != "" {
		t.Errorf("it made a workspace, which is %s", s)
	}
	r.send("case16f", "")
	errored()
	if s := r.status(); s != "failed" {
		t.Errorf("the workspace is %s", s)
	}
}

// flux-iac/tofu-controller#1180: after an apply, each drift says how it ended.
func TestField_after_an_apply(t *testing.T) {
	r := startReport(t)
	r.send("case26a", "")
	r.decide("approve", "aws_instance.plain")
	r.decide("approve", "aws_security_group.core")
	c := r.send("case26b", "")
	r.wantCounts(c, 0, 0, 0, 3)
	if c.Status != "ok" {
		t.Errorf("%+v", c)
	}
	for id, want := range map[string]string{
		"aws_instance.plain": "accepted", "aws_instance.web": "accepted", "aws_security_group.core": "reverted",
	} {
		if d := r.drifts()[id]; d.ResolvedHow == nil || *d.ResolvedHow != want || d.ResolvedBasis == nil || *d.ResolvedBasis != "state" {
			t.Errorf("%s: %v by %v, want %s by state", id, d.ResolvedHow, d.ResolvedBasis, want)
		}
	}
}

// Seen with Terraform 1.11.4: a destroy plan lists no drift.
func TestField_destroy_plan(t *testing.T) {
	r := startReport(t)
	r.send("case27a", "")
	c := r.send("case27b", "&scope=full")
	r.wantCounts(c, 0, 0, 0, 0)
	if c.Evidence.Mode != "destroy" || c.Evidence.Refreshed != "no" || c.Evidence.Unproven != 2 {
		t.Errorf("%+v", c.Evidence)
	}
	r.wantOpen(map[string]string{"aws_db_instance.main": "detected", "aws_s3_bucket.logs": "detected"})
	r.wantNoSecret()
}
