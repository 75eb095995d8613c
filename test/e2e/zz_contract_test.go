package e2e

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTelemetryContract checks that the signals of docs/telemetry.md were emitted. It is in the last file, because the tests
// before it record the signals.
func TestTelemetryContract(t *testing.T) {
	if seen.byTest["TestMainJob"] == nil {
		t.Skip("NOT RUN: it compares docs/telemetry.md with what TestMainJob saw, which did not run")
	}
	c := readContract(t)
	for _, r := range c.metrics {
		expectSeen(t, r, "metric", r.name)
		for _, label := range r.details {
			if r.seenIn == "run" && label != "error_type" && label != "db_response_status_code" { // only failures have these
				expectSeen(t, r, "label", r.name, label)
			}
		}
	}
	for _, r := range c.spans {
		expectSeen(t, r, "span", r.kind, r.name)
	}
	for _, r := range c.fields {
		expectSeen(t, r, "field", r.name)
	}
}

var fieldInCode = regexp.MustCompile(`slog\.[A-Z]\w+\("([^"]+)"|Context\(ctx, "[^"]+", "([^"]+)"`)

// TestTelemetryContract_rare_fields reads the source, because some lines are only logged after rare errors.
func TestTelemetryContract_rare_fields(t *testing.T) {
	c := readContract(t)
	found := 0
	for _, root := range []string{"../../pkg", "../../services"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, m := range fieldInCode.FindAllSubmatch(content, -1) {
				field := cmp.Or(string(m[1]), string(m[2]))
				found++
				if !slices.ContainsFunc(c.fields, func(r row) bool { return r.pattern.MatchString(field) }) {
					t.Errorf("docs/telemetry.md does not have the log field %s of %s: add a row to its table of log fields", field, path)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 40 {
		t.Errorf("only %d fields were found in the source: the pattern no longer matches", found)
	}
}

func expectSeen(t *testing.T, r row, what ...string) {
	t.Helper()
	thing := strings.Join(what, " ")
	test := r.seenIn
	if test == "run" || test == "start" {
		test = "TestMainJob"
	}
	if path, name, elsewhere := strings.Cut(test, " "); elsewhere {
		if !hasTest(t, path, name) {
			t.Errorf("docs/telemetry.md says that %s is seen in %s, which has no test %s: correct the column Seen in", thing, path, name)
		}
		return
	}
	notes, ran := seen.byTest[test]
	switch {
	case !ran && !hasTest(t, "test/e2e", test):
		t.Errorf("docs/telemetry.md says that %s is seen in %s, which is not a test of test/e2e: correct the column Seen in", thing, test)
	case ran && !notes[thing]:
		t.Errorf("docs/telemetry.md says that %s is seen in %s, but that test did not see it: extend the test, or name the test that does in the column Seen in", thing, test)
	}
}

// hasTest reports whether a package of this repository has the test.
func hasTest(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("func "+name+"(")) {
			return true
		}
	}
	return false
}
