// Package doctable compares tables in documents with what a test found, and fails if they differ. With -update the test
// writes the table instead. Tests of golden files use the same flag.
package doctable

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/checkout"
)

var update = flag.Bool("update", false, "write the tables of documents and the golden files")

// Updating reports whether the test was run with -update.
func Updating() bool { return *update }

// Root is the root of the checkout.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Row is one line of a table in Markdown.
func Row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// Header is a table's first two lines.
func Header(cells ...string) string {
	return Row(cells...) + "|" + strings.Repeat("---|", len(cells)) + "\n"
}

// Check compares the table with the text between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` of the document, a
// path from the checkout's root.
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
		t.Errorf("the table %q of %s does not match this test. If the new rows (+) are right, write them:\n\t%s\n%s",
			name, document, command(t), changes(written, table))
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
		t.Errorf("%s is out of date. Write it:\n\t%s", file, command(t))
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // A source file.
		t.Fatal(err)
	}
}

// command is the command line, in the checkout's root, that runs this test with -update.
func command(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.Rel(Root(t), dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("make .run/bin/launcher && .run/bin/launcher with-postgres -- go test -run '%s' ./%s/ -update", t.Name(), filepath.ToSlash(dir))
}

// changes lists the rows that the document has to lose (-) and to get (+).
func changes(before, after string) string {
	var out strings.Builder
	list := func(sign, from, without string) {
		for row := range strings.Lines(from) {
			if !strings.Contains(without, row) {
				out.WriteString(sign + row)
			}
		}
	}
	list("- ", before, after)
	list("+ ", after, before)
	if out.Len() == 0 {
		return "the rows are the same, in another order or number"
	}
	return out.String()
}

// Block returns the text of the document between the two lines.
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
