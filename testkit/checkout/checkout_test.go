package checkout_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/checkout"
)

func TestRoot(t *testing.T) {
	outer := t.TempDir()
	inner := filepath.Join(outer, "a", "b")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Run("none_is_an_error", func(t *testing.T) {
		t.Chdir(inner)
		if dir, err := checkout.Root(); err == nil {
			t.Errorf("found %s", dir)
		}
	})
	if err := os.WriteFile(filepath.Join(outer, "go.work"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"here": outer, "above": inner} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(dir)
			if got, err := checkout.Root(); err != nil || got != outer {
				t.Errorf("got %q, %v, want %q", got, err, outer)
			}
		})
	}
}
