// Package report says what a check found, for a terminal and for the summary of a CI job.
package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/driftsentry/driftsentry/client"
)

// Severities are all of them, the worst first.
var Severities = []client.Severity{client.Critical, client.Warning, client.Info}

// maxRows is how many drifts a report lists.
const maxRows = 50

// Attention counts the open drifts of the workspace that are neither approved nor ignored by rules, by severity. exact is false for servers that do not
// count them: then those that the response shows are counted, which are 100 at most.
func Attention(r client.PlanResult) (counts map[client.Severity]int, exact bool) {
	if r.Open != nil {
		return r.Open.Unsettled, true
	}
	counts = make(map[client.Severity]int)
	for _, d := range r.Drifts {
		if needsDecision(d) {
			counts[d.Severity]++
		}
	}
	return counts, false
}

// needsDecision reports whether someone has to do something about a drift.
func needsDecision(d client.Drift) bool {
	return d.Status != client.Approved && d.Status != client.Resolved && d.Suppressed == nil
}

// Text writes the report for people.
func Text(w io.Writer, r client.PlanResult, traceID string, t Table) {
	fmt.Fprintf(w, "\n%s: %s\n", Printable(r.Check.Workspace), headline(r))
	for _, note := range notes(r) {
		fmt.Fprintf(w, "  %s\n", Printable(note))
	}
	if drifts, left := listed(r); len(drifts) > 0 {
		fmt.Fprintf(w, "\n%s\n", Drifts(drifts, t))
		if left > 0 {
			fmt.Fprintf(w, "… and %d more.\n", left)
		}
	}
	fmt.Fprintf(w, "\n%s", verdict(r))
	if traceID != "" {
		fmt.Fprintf(w, " Trace %s.", traceID)
	}
	fmt.Fprintln(w)
}

// Markdown writes the report for the summary of a job. Texts of the plan are escaped.
func Markdown(w io.Writer, r client.PlanResult, traceID string) {
	fmt.Fprintf(w, "### Drift in %s: %s\n\n", html.EscapeString(Printable(r.Check.Workspace)), headline(r))
	for _, note := range notes(r) {
		fmt.Fprintf(w, "- %s\n", html.EscapeString(Printable(note)))
	}
	if drifts, left := listed(r); len(drifts) > 0 {
		fmt.Fprintf(w, "\n%s\n", rows(drifts, Table{}).RenderHTML())
		if left > 0 {
			fmt.Fprintf(w, "\n… and %d more.\n", left)
		}
	}
	fmt.Fprintf(w, "\n%s", verdict(r))
	if traceID != "" {
		fmt.Fprintf(w, " Trace <code>%s</code>.", html.EscapeString(traceID))
	}
	fmt.Fprint(w, "\n\n")
}

// headline is the check in one line.
func headline(r client.PlanResult) string {
	c := r.Check
	said := map[client.CheckStatus]string{client.CheckOK: "no drift", client.CheckDrifted: "drifted", client.CheckErrored: "the plan failed"}[c.Status]
	line := fmt.Sprintf("%s. %d new, %d changed, %d unchanged, %d resolved", cmp.Or(said, string(c.Status)),
		c.Counts.New, c.Counts.Changed, c.Counts.Unchanged, c.Counts.Resolved)
	switch {
	case c.Purpose == "preview":
		line += " (a preview: nothing was recorded)"
	case c.Stale:
		line += " (the workspace has had a newer plan: this one changed nothing)"
	}
	return line
}

// notes are what the sender should know about the plan.
func notes(r client.PlanResult) []string {
	c := r.Check
	list := slices.Clone(c.Evidence.Reasons)
	if c.Evidence.Unproven > 0 {
		list = append([]string{fmt.Sprintf("%d open %s could not be judged by this plan, and %s open.", c.Evidence.Unproven, of(c.Evidence.Unproven, "drift", "drifts"), of(c.Evidence.Unproven, "stays", "stay"))}, list...)
	}
	for _, e := range c.LeftOut.Entries {
		list = append(list, fmt.Sprintf("Left out: %s %s: %s", e.Path, e.Resource, e.Reason))
	}
	return list
}

// listed are the drifts of the report, and how many it leaves out of those that the response has.
func listed(r client.PlanResult) (drifts []client.Drift, left int) {
	for _, d := range r.Drifts {
		if needsDecision(d) {
			drifts = append(drifts, d)
		}
	}
	left = max(len(drifts)-maxRows, 0)
	return drifts[:len(drifts)-left], left
}

// verdict says how many drifts need a decision.
func verdict(r client.PlanResult) string {
	counts, exact := Attention(r)
	total := 0
	var parts []string
	for _, s := range Severities {
		if n := counts[s]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	settled := ""
	if r.Open != nil && r.Open.Approved > 0 {
		settled = fmt.Sprintf(" %d approved.", r.Open.Approved)
	}
	if r.Open != nil && r.Open.Suppressed > 0 {
		settled += fmt.Sprintf(" %d ignored by rules.", r.Open.Suppressed)
	}
	switch {
	case total == 0:
		return "Nothing is open that needs a decision." + settled
	case !exact:
		return fmt.Sprintf("At least %d open %s that %s not approved: %s.", total, of(total, "drift", "drifts"), of(total, "is", "are"), strings.Join(parts, ", "))
	}
	return fmt.Sprintf("%d open %s that %s not approved: %s.%s", total, of(total, "drift", "drifts"), of(total, "is", "are"), strings.Join(parts, ", "), settled)
}

// Table says how drifts are shown.
type Table struct {
	Columns   int  // of the terminal; 0 is no limit
	Color     bool // of severities
	Workspace bool // name it
}

// narrow is below how many columns a drift gets several lines: its ID alone needs 36.
const narrow = 130

// Drifts shows drifts, each with its ID, which decisions need.
func Drifts(drifts []client.Drift, t Table) string {
	if t.Columns > 0 && t.Columns < narrow {
		return strings.Join(blocks(drifts, t), "\n")
	}
	w := rows(drifts, t)
	w.SetStyle(plain)
	lines := strings.Split(w.Render(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// plain has no lines, so that a table can be read, searched and cut.
var plain = table.Style{
	Name: "plain", Box: table.BoxStyle{PaddingRight: "  "}, Format: table.FormatOptions{Header: text.FormatUpper},
	Options: table.Options{SeparateColumns: false},
}

// rows has a line for each drift.
func rows(drifts []client.Drift, t Table) table.Writer {
	w := table.NewWriter()
	w.AppendHeader(table.Row{"severity", "resource", "difference", "workspace", "status", "id"})
	configs := []table.ColumnConfig{{Number: 4, Hidden: !t.Workspace, WidthMax: 20, WidthMaxEnforcer: text.Trim}}
	if t.Columns > 0 { // What the short columns leave is for the resource and its difference.
		rest := t.Columns - len("critical  triaged  ") - 36 - 2 - 20 - 2 - 4
		configs = append(configs, table.ColumnConfig{Number: 2, WidthMax: rest * 3 / 5, WidthMaxEnforcer: text.Trim},
			table.ColumnConfig{Number: 3, WidthMax: rest * 2 / 5, WidthMaxEnforcer: text.Trim})
	}
	w.SetColumnConfigs(configs)
	for _, d := range drifts {
		w.AppendRow(table.Row{t.severity(d), Printable(d.ResourceID), Printable(difference(d)), Printable(d.Workspace), d.Status, d.ID})
	}
	return w
}

// blocks has some short lines for each drift.
func blocks(drifts []client.Drift, t Table) []string {
	list := make([]string, 0, len(drifts))
	const indent = "          " // as long as the longest severity
	for _, d := range drifts {
		where := ""
		if t.Workspace {
			where = " in " + Printable(d.Workspace)
		}
		list = append(list, text.Pad(t.severity(d), len(indent), ' ')+text.Trim(Printable(d.ResourceID), t.Columns-len(indent))+"\n"+
			indent+text.Trim(string(d.Status)+where+": "+Printable(difference(d)), t.Columns-len(indent))+"\n"+
			indent+d.ID)
	}
	return list
}

// severity is colored on a terminal that wants it.
func (t Table) severity(d client.Drift) string {
	if color, ok := map[client.Severity]text.Color{client.Critical: text.FgRed, client.Warning: text.FgYellow}[d.Severity]; ok && t.Color {
		return "\x1b[" + strconv.Itoa(int(color)) + "m" + string(d.Severity) + "\x1b[0m"
	}
	return string(d.Severity)
}

// difference names the paths that differ.
func difference(d client.Drift) string {
	paths := slices.Sorted(maps.Keys(d.Difference))
	if len(paths) > 2 {
		return strings.Join(paths[:2], ", ") + " +" + strconv.Itoa(len(paths)-2)
	}
	return strings.Join(paths, ", ")
}

// Printable replaces what a terminal would not show but obey: control characters, line ends and marks of direction.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

// of chooses the words for a number.
func of(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
