package checkout_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/checkout"
)

func TestExtract(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		run := exec.CommandContext(t.Context(), "git", append([]string{"-C", root, "-c", "user.name=n", "-c", "user.email=n@example.com"}, args...)...)
		out, err := run.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(text string) {
		t.Helper()
		for _, name := range []string{"a", "b"} {
			if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, name, "file"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	git("init", "-q")
	write("old")
	git("add", ".")
	git("commit", "-q", "-m", "old")
	old := git("rev-parse", "HEAD")
	write("new")
	git("commit", "-q", "-a", "-m", "new")

	into := t.TempDir()
	if err := checkout.Extract(t.Context(), root, old, into, "a"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(into, "a", "file")); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(into, "b")); err == nil {
		t.Error("a path that was not asked for is there")
	}
	if err := checkout.Extract(t.Context(), root, strings.Repeat("1", 40), into); !errors.Is(err, checkout.ErrNoHistory) {
		t.Errorf("a commit that is not there: %v", err)
	}
	if err := checkout.Extract(t.Context(), root, old, into, "c"); err == nil || errors.Is(err, checkout.ErrNoHistory) {
		t.Errorf("a path that is not there: %v", err)
	}
}
