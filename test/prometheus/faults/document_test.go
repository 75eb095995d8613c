//go:build faults

package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/prometheus/alarm"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

const (
	page  = "../../../docs/faults.md"
	begin = "<!-- written by make faults-doc: begin -->\n"
	end   = "<!-- written by make faults-doc: end -->\n"

	beginMoves = "<!-- written by make faults-doc: begin of the moves -->\n"
	endMoves   = "<!-- written by make faults-doc: end of the moves -->\n"
)

// row is what the document says of a fault and the code knows without a run.
func (f fault) row() string {
	var tells string
	if f.alert != "" {
		tells = fmt.Sprintf("[%s](runbooks/%s.md)", f.alert, f.alert)
	} else {
		tells = "none: " + f.silent
	}
	return fmt.Sprintf("| %s: %s | %s | %s | %s |", f.name, f.done, f.users, f.never, tells)
}

// document writes the table, when it is asked to.
func document(t *testing.T, outcomes map[string]outcome) {
	t.Helper()
	if !doctable.Updating() {
		return
	}
	var b strings.Builder
	b.WriteString("| Fault | Users may see | Must never happen | Alert | Responses in the run | Recovered after |\n|---|---|---|---|---|---|\n")
	for _, f := range faults {
		o, ran := outcomes[f.name]
		seen, back := "not run on that machine", "–"
		if ran {
			seen, back = answers(o.answers), o.recovery.Round(10*time.Millisecond).String()
		}
		fmt.Fprintf(&b, "%s %s | %s |\n", f.row(), seen, back)
	}
	replace(t, begin, end, b.String())
}

// replace puts a table between the marks of the document.
func replace(t *testing.T, begin, end, table string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks of the table", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rowsOf are the rows between the marks of the document.
func rowsOf(t *testing.T, begin, end string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), begin)
	table, _, _ = strings.Cut(table, end)
	return table
}

// TestDocument: docs/faults.md has a row for each fault, with what the code promises of it, and no other. Each names an
// alert that exists, or why there must be none.
func TestDocument(t *testing.T) {
	table := rowsOf(t, begin, end)
	if rows := strings.Count(table, "\n") - 2; rows != len(faults) {
		t.Errorf("%s has %d rows for %d faults; run make faults-doc", page, rows, len(faults))
	}
	watch, err := alarm.New("../../../deploy/prometheus/rules/*.yml", time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		if !strings.Contains(table, f.row()) {
			t.Errorf("%s does not say this of %q; run make faults-doc:\n%s", page, f.name, f.row())
		}
		if (f.alert == "") == (f.silent == "") || f.alert != "" && !watch.Names()[f.alert] {
			t.Errorf("%s: alert %q, silent because %q", f.name, f.alert, f.silent)
		}
	}
}

// TestDocument_moves: the same of what happens to Postgres.
func TestDocument_moves(t *testing.T) {
	table := rowsOf(t, beginMoves, endMoves)
	if rows := strings.Count(table, "\n") - 2; rows != len(moves) {
		t.Errorf("%s has %d rows for %d moves; run make faults-doc", page, rows, len(moves))
	}
	for _, m := range moves {
		if !strings.Contains(table, m.row()) {
			t.Errorf("%s does not say this of %q; run make faults-doc:\n%s", page, m.name, m.row())
		}
	}
}
