package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTelemetryContract is the other way round: what docs/telemetry.md promises was seen. It stands in the last file,
// since the tests before it note what they see.
func TestTelemetryContract(t *testing.T) {
	if seen.byTest["TestMainJob"] == nil {
		t.Skip("NOT RUN: it compares docs/telemetry.md with what TestMainJob saw, which did not run")
	}
	c := readContract(t)
	for _, r := range c.metrics {
		expectSeen(t, r, "metric", r.name)
		for _, label := range r.details {
			if r.seenIn == "run" {
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

func expectSeen(t *testing.T, r row, what ...string) {
	t.Helper()
	thing := strings.Join(what, " ")
	test := r.seenIn
	if test == "run" {
		test = "TestMainJob"
	}
	if path, name, elsewhere := strings.Cut(test, " "); elsewhere {
		if !hasTest(t, path, name) {
			t.Errorf("docs/telemetry.md says that %s shows in %s, which has no test %s", thing, path, name)
		}
		return
	}
	notes, ran := seen.byTest[test]
	switch {
	case !ran && !hasTest(t, "test/e2e", test):
		t.Errorf("docs/telemetry.md says that %s shows in %s, which is no test", thing, test)
	case ran && !notes[thing]:
		t.Errorf("docs/telemetry.md says that %s shows in %s, and it did not", thing, test)
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
