// Package installed finds the programs of the production stack, such as caddy or prometheus, for the tests that run them.
package installed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs looks for each on the PATH and in bin of the folder STACK_DIR (~/.cache/stack unless set), and returns their paths
// by name. When one is missing the test is skipped, and says so loudly.
func Programs(t *testing.T, names ...string) map[string]string {
	t.Helper()
	dir := os.Getenv("STACK_DIR")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache", "stack")
	}
	found := map[string]string{}
	var missing []string
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, "bin", name))
		}
		if err != nil {
			missing = append(missing, "no "+name)
			continue
		}
		found[name] = path
	}
	if len(missing) > 0 {
		message := "NOT RUN: " + strings.Join(missing, ", ") + " on the PATH or in " + filepath.Join(dir, "bin") + " (STACK_DIR)"
		fmt.Fprintln(os.Stderr, message)
		t.Skip(message)
	}
	return found
}
