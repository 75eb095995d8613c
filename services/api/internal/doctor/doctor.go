// Package doctor looks at an installation before and after its start, and says for each thing that is wrong what to do.
package doctor

import (
	"fmt"
	"io"
)

// State is the result of one check.
type State int

// The results. Only a failure makes the command fail.
const (
	OK State = iota
	Skipped
	Warning
	Failure
)

func (s State) String() string { return [...]string{"ok", "skipped", "WARNING", "FAILURE"}[s] }

// Finding is what one check found.
type Finding struct {
	Check string // a few words, such as "disk"
	State State
	Found string // one line, without a secret
	Do    string // the remedy; empty where nothing is wrong
}

// Report collects findings.
type Report struct{ Findings []Finding }

func (r *Report) ok(check, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Check: check, Found: fmt.Sprintf(format, args...)})
}

func (r *Report) skip(check, why string) {
	r.Findings = append(r.Findings, Finding{Check: check, State: Skipped, Found: why})
}

func (r *Report) warn(check, found, remedy string) {
	r.Findings = append(r.Findings, Finding{check, Warning, found, remedy})
}

func (r *Report) fail(check, found, remedy string) {
	r.Findings = append(r.Findings, Finding{check, Failure, found, remedy})
}

// Count is how many findings have a state.
func (r *Report) Count(s State) (n int) {
	for _, f := range r.Findings {
		if f.State == s {
			n++
		}
	}
	return n
}

// WriteTo prints a line for each finding, and under it what to do.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for _, f := range r.Findings {
		text := fmt.Sprintf("%-8s %-20s %s\n", f.State, f.Check, f.Found)
		if f.Do != "" {
			text += fmt.Sprintf("%-29s → %s\n", "", f.Do)
		}
		n, err := io.WriteString(w, text)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
