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
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks of the table", page)
	}
	var b strings.Builder
	b.WriteString(before + begin)
	b.WriteString("| Fault | Users may see | Must never happen | Alert | Responses in the run | Recovered after |\n|---|---|---|---|---|---|\n")
	for _, f := range faults {
		o, ran := outcomes[f.name]
		seen, back := "not run on that machine", "–"
		if ran {
			seen, back = answers(o.answers), o.recovery.Round(10*time.Millisecond).String()
		}
		fmt.Fprintf(&b, "%s %s | %s |\n", f.row(), seen, back)
	}
	b.WriteString(end + after)
	if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocument: docs/faults.md has a row for each fault, with what the code promises of it, and no other. Each names an
// alert that exists, or why there must be none.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), begin)
	table, _, _ = strings.Cut(table, end)
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
