package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// fieldReport is a service to which the plans of a public report are sent, in the order of their letters, to one workspace.
type fieldReport struct {
	t   *testing.T
	api *apitest.API
}

type fieldCheck struct {
	ID, Status, Purpose string
	Stale, RootMismatch bool
	Counts              struct{ New, Changed, Unchanged, Resolved int }
	Evidence            struct {
		Refreshed, Coverage, Mode string
		Unproven                  int
		Reasons                   []string
	}
	FailureReason, Ref, RunURL string
	LeftOut                    struct {
		Count   int
		Entries []struct{ Path, Resource, Reason string }
	}
	WrapperLines int
}

type fieldDrift struct {
	ID, ResourceID, ResourceType, Provider, Status, Severity string
	Version                                                  int
	PlannedAction, ResolvedHow, ResolvedBasis                *string
	ExpectedState, ActualState                               json.RawMessage
	Difference                                               map[string]json.RawMessage
	Ref, Commit, RunURL                                      string
}

func startReport(t *testing.T) fieldReport {
	t.Parallel()
	return fieldReport{t, apitest.Start(t)}
}

// wantNoSecret fails the test when a secret of the plans is stored anywhere.
func (r fieldReport) wantNoSecret() {
	r.t.Helper()
	for _, table := range []string{"drift", "workspace_check", "workspace", "event", "audit", "alert", "idempotency"} {
		for _, row := range r.rows("select row_to_json(x)::text from " + table + " x") {
			if strings.Contains(row, "fakepw-") {
				r.t.Errorf("a secret is stored in %s: %s", table, row)
			}
		}
	}
}

func (r fieldReport) rows(sql string) []string {
	r.t.Helper()
	rows, err := r.api.DB.Query(r.t.Context(), sql)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// plan is the file whose name begins like this.
func (r fieldReport) plan(name string) []byte {
	r.t.Helper()
	files, err := filepath.Glob("../plan/testdata/field/" + name + "*")
	if err != nil || len(files) != 1 {
		r.t.Fatalf("%s: %v, %v", name, files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return raw
}

// send sends a plan, with more of a query, such as "&scope=full".
func (r fieldReport) send(name, query string) fieldCheck {
	r.t.Helper()
	return r.sendBody(r.plan(name), query)
}

func (r fieldReport) sendBody(body []byte, query string) fieldCheck {
	r.t.Helper()
	var data struct{ Check fieldCheck }
	r.api.Key.Post(ingestPath+query, body).Want(http.StatusOK).Decode(&data)
	return data.Check
}

// sendLines sends what is no JSON as a whole, which the client would not.
func (r fieldReport) sendLines(name string) fieldCheck {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.api.URL+ingestPath, bytes.NewReader(r.plan(name)))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.api.Key.Bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct{ Data struct{ Check fieldCheck } }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %v", res.Status, err)
	}
	return body.Data.Check
}

// drifts are all drifts by resource; of several of one resource the newest.
func (r fieldReport) drifts() map[string]fieldDrift {
	r.t.Helper()
	var data struct{ Items []fieldDrift }
	r.api.Viewer.Get("/api/v1/drifts?limit=100&sortBy=createdAt&sortOrder=asc").Want(http.StatusOK).Decode(&data)
	found := make(map[string]fieldDrift)
	for _, d := range data.Items {
		found[d.ResourceID] = d
	}
	return found
}

// detail is what is shown of one drift alone.
func (r fieldReport) detail(resource string) fieldDrift {
	r.t.Helper()
	var d fieldDrift
	r.api.Viewer.Get("/api/v1/drifts/" + r.drifts()[resource].ID).Want(http.StatusOK).Decode(&d)
	return d
}

func (r fieldReport) decide(what, resource string) {
	r.t.Helper()
	r.api.Engineer.Post("/api/v1/drifts/"+r.drifts()[resource].ID+"/"+what, map[string]string{"reason": "as it was agreed on"}).Want(http.StatusOK)
}

// status is what the list of workspaces says of this one.
func (r fieldReport) status() string {
	r.t.Helper()
	var list []struct{ Name, Status string }
	r.api.Viewer.Get("/api/v1/workspaces").Want(http.StatusOK).Decode(&list)
	for _, w := range list {
		if w.Name == "prod" {
			return w.Status
		}
	}
	return ""
}

// wantOpen fails the test unless these are all drifts, and all are open, with these statuses.
func (r fieldReport) wantOpen(want map[string]string) {
	r.t.Helper()
	got := make(map[string]string)
	for id, d := range r.drifts() {
		got[id] = d.Status
	}
	if !maps.Equal(got, want) {
		r.t.Errorf("the drifts are %v, want %v", got, want)
	}
}

func (r fieldReport) wantCounts(c fieldCheck, added, changed, unchanged, resolved int) {
	r.t.Helper()
	if got := c.Counts; got.New != added || got.Changed != changed || got.Unchanged != unchanged || got.Resolved != resolved {
		r.t.Errorf("%+v, want %d new, %d changed, %d unchanged, %d resolved", got, added, changed, unchanged, resolved)
	}
}

func (r fieldReport) wantReason(c fieldCheck, part string) {
	r.t.Helper()
	if !slices.ContainsFunc(c.Evidence.Reasons, func(s string) bool { return strings.Contains(s, part) }) {
		r.t.Errorf("no reason says %q: %q", part, c.Evidence.Reasons)
	}
}

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

// gruntwork-io/terragrunt#1525: two units under one workspace name.
func TestField_another_root(t *testing.T) {
	r := startReport(t)
	r.send("case10x-a", "")
	c := r.send("case10x-b", "&mode=refresh-only&scope=full")
	if !c.RootMismatch || c.Counts.Resolved != 0 || c.Evidence.Unproven != 1 || c.Status != "drifted" {
		t.Errorf("%+v", c)
	}
	r.wantReason(c, "acceptRoot")
	r.wantOpen(map[string]string{"aws_vpc.main": "detected"})
	// The first root is still the workspace's own.
	if again := r.sendBody(later(r.plan("case10x-a"), "20:01:00Z", "20:03:00Z"), ""); again.RootMismatch || again.Counts.Unchanged != 1 {
		t.Errorf("the first root again: %+v", again)
	}
	t.Run("a root that was accepted is taken once", func(t *testing.T) {
		if _, err := r.api.DB.Exec(t.Context(), "update workspace set accept_root = true where name = 'prod'"); err != nil {
			t.Fatal(err)
		}
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

// later is the same plan, made later.
func later(plan []byte, was, is string) []byte {
	return []byte(strings.Replace(string(plan), was, is, 1))
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

// hashicorp/terraform#29603, flux-iac/tofu-controller#890: the plan of a pull request must not touch what main has.
func TestField_pull_request(t *testing.T) {
	for name, query := range map[string]string{"by another ref": "&ref=refs/pull/7/merge", "by its purpose": "&purpose=preview"} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			r.send("case12a", "&ref=main&commit=4f0c2a9&runUrl=https://ci.example/1&triggeredBy=schedule")
			if _, err := r.api.DB.Exec(t.Context(), "update workspace set record_ref = 'main'"); err != nil {
				t.Fatal(err)
			}
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

func (r fieldReport) workspaceRow() string {
	r.t.Helper()
	return strings.Join(r.rows("select row_to_json(w)::text from workspace w"), "\n")
}

// hashicorp/terraform-provider-helm#424, polarsource/polar#13586: documents inside strings. That what is secret in them is
// masked is package redact's work to come; what holds without it is that the drift is found and named.
func TestField_documents(t *testing.T) {
	for name, id := range map[string]string{"case14a": "aws_ecs_task_definition.app", "case14d": "kubernetes_manifest.s"} {
		t.Run(name, func(t *testing.T) {
			r := startReport(t)
			r.wantCounts(r.send(name, ""), 1, 0, 0, 0)
			if d, ok := r.drifts()[id]; !ok || len(d.Difference) == 0 {
				t.Errorf("%+v", d)
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
		if d := r.drifts()["aws_instance.big"]; d.Status != "detected" {
			t.Errorf("%+v", d)
		}
	})
	t.Run("equal ones written in other ways", func(t *testing.T) {
		r := startReport(t)
		r.send("case18b", "")
		d, ok := r.drifts()["databricks_x.y"]
		if !ok {
			return
		}
		for path, difference := range d.Difference {
			var sides struct{ Expected, Actual json.RawMessage }
			if err := json.Unmarshal(difference, &sides); err != nil || string(sides.Expected) == string(sides.Actual) {
				t.Errorf("%s: %s", path, difference)
			}
		}
	})
}

// slok/tfe-drift#15: a run of which only is known that it errored.
func TestField_errored(t *testing.T) {
	r := startReport(t)
	if c := r.send("case20f", ""); c.Status != "failed" || c.Evidence.Refreshed != "no" {
		t.Errorf("%+v", c)
	}
	if s := r.status(); s != "failed" {
		t.Errorf("the workspace is %s", s)
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

// flux-iac/tofu-controller#1180: after an apply, each drift says what became of it.
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
