// Package planfile leaves out of a plan's JSON what DriftSentry does not need.
package planfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Slimming says what of a plan is sent.
type Slimming string

// The ways to slim a plan.
const (
	Whole Slimming = "none"  // all of it
	Safe  Slimming = "safe"  // without the parts that prove nothing about drift
	Drift Slimming = "drift" // the drift alone, for plans that are too large otherwise
)

var (
	unneeded = []string{"planned_values", "output_changes", "relevant_attributes", "checks"}
	alone    = []string{"format_version", "terraform_version", "timestamp", "errored", "complete", "applyable", "resource_drift"}
)

func (s Slimming) keeps(name string) bool {
	switch s {
	case Safe:
		return !slices.Contains(unneeded, name)
	case Drift:
		return slices.Contains(alone, name)
	case Whole:
	}
	return true
}

// start is how `terraform show -json` and `tofu show -json` begin. What wrappers print before it has lines of its own.
const start = `{"format_version"`

// maxBefore is how much may stand before a plan, in bytes.
const maxBefore = 1 << 20

// Slim returns the plan that r has, without what is not needed, and without the lines that wrappers print around it. A text in which it
// finds no plan is passed on as it is: the service says best what is wrong with it. Values are copied byte by byte. It holds one
// top-level value of the plan in memory at a time.
func Slim(r io.Reader, how Slimming) io.Reader {
	buffered := bufio.NewReaderSize(r, maxBefore)
	before, err := buffered.Peek(maxBefore)
	at := bytes.Index(before, []byte(start))
	if how == Whole || at < 0 || (at > 0 && before[at-1] != '\n') || (err != nil && !errors.Is(err, io.EOF)) {
		return buffered
	}
	_, _ = buffered.Discard(at) // It is in the buffer.
	out, in := io.Pipe()
	go func() { in.CloseWithError(slim(buffered, in, how)) }()
	return out
}

func slim(r io.Reader, w io.Writer, how Slimming) error {
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil { // {
		return fmt.Errorf("read the plan: %w", err)
	}
	separator := "{"
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("read the plan: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("read %v of the plan: %w", name, err)
		}
		text, _ := name.(string) // More says that it is a name.
		if !how.keeps(text) {
			continue
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return fmt.Errorf("write the plan: %w", err)
		}
		for _, part := range [][]byte{[]byte(separator), quoted, []byte(":"), value} {
			if _, err := w.Write(part); err != nil {
				return err //nolint:wrapcheck // The reader has gone, and knows why.
			}
		}
		separator = ","
	}
	if _, err := d.Token(); err != nil { // }
		return fmt.Errorf("read the plan: %w", err)
	}
	_, err := w.Write([]byte("}"))
	return err //nolint:wrapcheck // See above.
}
