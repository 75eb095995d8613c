package observability

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each test that docs/observability.md names as the proof of a promise exists.
//
// Checked by breaking it: with one letter of a name changed, it fails.
func TestPromises(t *testing.T) {
	text, err := os.ReadFile("../../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n## What is promised, and which test would fail\n")
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(table, -1)
	if !found || len(named) == 0 {
		t.Fatal("docs/observability.md has no table of promises")
	}
	tests := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, root := range []string{"pkg", "services", "test"} {
		err := filepath.WalkDir("../../../"+root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			for _, m := range function.FindAllSubmatch(code, -1) {
				tests[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("docs/observability.md names %s, which does not exist", m[1])
		}
	}
}
