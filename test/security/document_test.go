package security

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// test is a test function of this repository.
type test struct{ pkg, name, comment string }

// tests are all test functions of the checkout.
func tests(t *testing.T) []test {
	t.Helper()
	root := doctable.Root(t)
	var all []test
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		for _, declaration := range parsed.Decls {
			if fn, ok := declaration.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				all = append(all, test{filepath.ToSlash(dir), fn.Name.Name, fn.Doc.Text()})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// named is a test, or several by a pattern, in the document: `package TestName`.
var named = regexp.MustCompile("`([a-z][a-z0-9/]*) ((?:Test|Fuzz)[A-Za-z0-9_*]+)`")

// testsOf are the tests that a cell of a document names, each of which must exist.
func testsOf(t *testing.T, all []test, document, cell string) []test {
	t.Helper()
	var list []test
	for _, reference := range named.FindAllStringSubmatch(cell, -1) {
		before := len(list)
		for _, candidate := range all {
			if ok, err := path.Match(reference[2], candidate.name); err != nil {
				t.Fatal(err)
			} else if ok && candidate.pkg == reference[1] {
				list = append(list, candidate)
			}
		}
		if len(list) == before {
			t.Errorf("%s names %s in %s, which does not exist", document, reference[2], reference[1])
		}
	}
	return list
}

// TestSecurityDocument: each test that docs/security.md names exists, each row of the STRIDE table names one, each
// attack is in a row, and its comment names the mutation that it caught. Mutations: a name misspelt in a row; a row
// without a name; an attack's comment without the word.
func TestSecurityDocument(t *testing.T) {
	all := tests(t)
	stride := doctable.Block(t, "docs/security.md", "stride")
	covered := map[test]bool{}
	rows := 0
	for line := range strings.Lines(stride) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || strings.HasPrefix(line, "| STRIDE") || strings.HasPrefix(line, "|---") {
			continue
		}
		rows++
		named := testsOf(t, all, "docs/security.md", cells[len(cells)-2])
		if len(named) == 0 && !strings.Contains(cells[len(cells)-2], "Open") {
			t.Errorf("this row names no test: %s", line)
		}
		for _, one := range named {
			covered[one] = true
		}
	}
	if rows < 20 {
		t.Errorf("the table has %d rows", rows)
	}
	for _, attack := range all {
		if !strings.HasPrefix(attack.name, "TestAttack") {
			continue
		}
		if !covered[attack] {
			t.Errorf("no row of docs/security.md has the test `%s %s`: add it to the last column of the STRIDE table", attack.pkg, attack.name)
		}
		if !strings.Contains(attack.comment, "utation") {
			t.Errorf("the comment of %s %s does not say which mutation it caught: add a sentence that begins with Mutation", attack.pkg, attack.name)
		}
	}
}
