// Package doctable keeps the tables of a document true: a test makes the table from what it saw, and fails when the
// document has another. With -update it writes them instead; so do tests of golden files.
package doctable

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of documents and the golden files anew")

// Updating reports whether the test was run with -update.
func Updating() bool { return *update }

// Root is the root of the checkout: the workspace above the working directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.work")); missing == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			err = fmt.Errorf("there is no go.work above %s", dir)
		}
		dir = parent
	}
	t.Fatalf("find the checkout: %v", err)
	return ""
}

// Row is one line of a table in Markdown.
func Row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// Header is a table's first two lines.
func Header(cells ...string) string {
	return Row(cells...) + "|" + strings.Repeat("---|", len(cells)) + "\n"
}

// Check compares what stands in the document, a path from the checkout's root, between the lines `<!-- begin NAME -->`
// and `<!-- end NAME -->`.
func Check(t testing.TB, document, name, table string) {
	t.Helper()
	path := filepath.Join(Root(t), document)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	written, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no lines %q and %q", document, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	if written == table {
		return
	}
	if !Updating() {
		t.Errorf("the table %s of %s is not what the test saw; -update writes it. It should be:\n%s", name, document, table)
		return
	}
	if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil { //nolint:gosec // A document.
		t.Fatal(err)
	}
}

// File compares a whole file, a path from the checkout's root, with what it should be.
func File(t testing.TB, file, want string) {
	t.Helper()
	path := filepath.Join(Root(t), file)
	if written, err := os.ReadFile(path); err == nil && string(written) == want {
		return
	}
	if !Updating() {
		t.Errorf("%s is not what it should be; -update writes it", file)
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // A source file.
		t.Fatal(err)
	}
}

// Block gives what stands in the document between the two lines.
func Block(t testing.TB, document, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- begin "+name+" -->\n")
	block, _, ok := strings.Cut(rest, "<!-- end "+name+" -->\n")
	if !ok {
		t.Fatalf("%s has no table %s", document, name)
	}
	return block
}
