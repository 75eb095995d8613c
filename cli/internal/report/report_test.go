package report_test

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/driftsentry/driftsentry/cli/internal/report"
	"github.com/driftsentry/driftsentry/client"
)

func drifted() client.PlanResult {
	change := map[string]client.Change{"a": {}, "b": {}, "c": {}}
	return client.PlanResult{
		Check: client.Check{Workspace: "prod", Status: client.CheckDrifted, Counts: client.Counts{New: 1, Changed: 2, Unchanged: 3, Resolved: 4},
			Evidence: client.Evidence{Unproven: 1, Reasons: []string{"send scope=full"}}},
		Open: &client.Open{Unsettled: map[client.Severity]int{client.Critical: 1, client.Info: 2}, Approved: 5},
		Drifts: []client.Drift{
			{ID: "id-1", Severity: client.Critical, ResourceID: "aws_x.web", Status: client.Detected, Difference: change},
			{ID: "id-2", Severity: client.Info, ResourceID: "aws_x.fine", Status: client.Approved},
		},
	}
}

// TestText: mutations: approved drifts listed, the counts of the response in place of those of the workspace, no reasons.
func TestText(t *testing.T) {
	var b strings.Builder
	report.Text(&b, drifted(), "4bf9", report.Table{})
	const want = `
prod: drifted. 1 new, 2 changed, 3 unchanged, 4 resolved
  1 open drift could not be judged by this plan, and stay open.
  send scope=full

SEVERITY  RESOURCE   DIFFERENCE  STATUS    ID
critical  aws_x.web  a, b +1     detected  id-1

3 open drifts that are not approved: 1 critical, 2 info. 5 approved. Trace 4bf9.
`
	if b.String() != strings.Replace(want, "stay open", "stays open", 1) {
		t.Errorf("%s", b.String())
	}
}

// TestText_states: what else a check can say.
func TestText_states(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*client.PlanResult)
		want   string
	}{
		"a preview":       {func(r *client.PlanResult) { r.Check.Purpose = "preview" }, "nothing was recorded"},
		"stale":           {func(r *client.PlanResult) { r.Check.Stale = true }, "has had a newer plan"},
		"nothing open":    {func(r *client.PlanResult) { r.Open = &client.Open{} }, "Nothing is open that needs a decision."},
		"an older server": {func(r *client.PlanResult) { r.Open = nil }, "At least 1 open drift that is not approved: 1 critical."},
		"an entry that was left out": {func(r *client.PlanResult) {
			r.Check.LeftOut.Entries = append(r.Check.LeftOut.Entries, struct {
				Path     string `json:"path"`
				Resource string `json:"resource"`
				Reason   string `json:"reason"`
			}{"resource_drift[3]", "aws_x.y", "too large"})
		}, "Left out: resource_drift[3] aws_x.y: too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := drifted()
			tt.change(&r)
			var b strings.Builder
			report.Text(&b, r, "", report.Table{})
			if !strings.Contains(b.String(), tt.want) {
				t.Errorf("%q is missing in\n%s", tt.want, b.String())
			}
		})
	}
}

// hostile is a name that a plan could have.
const hostile = "aws_x.\x1b[2Jgone\r\n|<script>alert(1)</script>|\u202e`x`"

// TestText_hostile: no text of a plan commands the terminal. Mutation: Printable left out of any column.
func TestText_hostile(t *testing.T) {
	r := drifted()
	r.Check.Workspace, r.Drifts[0].ResourceID, r.Drifts[0].Workspace = hostile, hostile, hostile
	r.Drifts[0].Difference = map[string]client.Change{hostile: {}}
	r.Check.Evidence.Reasons = []string{hostile}
	for _, columns := range []int{0, 80, 200} {
		var b strings.Builder
		report.Text(&b, r, "", report.Table{Columns: columns, Workspace: true})
		if strings.ContainsAny(b.String(), "\x1b\r\u202e") {
			t.Errorf("%d columns: %q", columns, b.String())
		}
	}
	var b strings.Builder
	report.Markdown(&b, r, "")
	if strings.Contains(b.String(), "<script>") || strings.ContainsAny(b.String(), "\x1b\r\u202e") {
		t.Errorf("%q", b.String())
	}
}

// TestDrifts_fits: no line is wider than the terminal. Mutation: no WidthMax for the difference.
func TestDrifts_fits(t *testing.T) {
	long := client.Drift{
		ID: "01a22b1f-68bb-7aed-bb03-515241129bfa", Severity: client.Critical, Status: client.Detected, Workspace: strings.Repeat("w", 100),
		ResourceID: "aws_x." + strings.Repeat("名", 90), Difference: map[string]client.Change{strings.Repeat("p", 200): {}},
	}
	for columns := 60; columns <= 240; columns++ {
		for line := range strings.SplitSeq(report.Drifts([]client.Drift{long}, report.Table{Columns: columns, Workspace: true}), "\n") {
			if n := runewidth.StringWidth(line); n > columns {
				t.Fatalf("a line of %d columns on a terminal of %d: %s", n, columns, line)
			}
		}
	}
}

// TestMarkdown: GitHub shows it as a table.
func TestMarkdown(t *testing.T) {
	var b strings.Builder
	report.Markdown(&b, drifted(), "4bf9")
	for _, want := range []string{"### Drift in prod: drifted.", "- send scope=full\n", "<td>aws_x.web</td>", "1 critical, 2 info. 5 approved. Trace <code>4bf9</code>."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
