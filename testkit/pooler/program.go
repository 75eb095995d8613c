package pooler

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// find gives the first pgbouncer that can do the mode, and whether it knows prepared statements in transaction mode. It is that
// of the variable PGBOUNCER, or else one on the PATH, in /usr/sbin, or in bin of STACK_DIR (~/.cache/stack unless set).
func find(t testing.TB, mode Mode) (program string, knows bool) {
	t.Helper()
	candidates := []string{os.Getenv("PGBOUNCER")}
	if candidates[0] == "" {
		home, _ := os.UserHomeDir() // Without one there is no such folder.
		stack := cmp.Or(os.Getenv("STACK_DIR"), filepath.Join(home, ".cache", "stack"))
		candidates = []string{"pgbouncer", "/usr/sbin/pgbouncer", filepath.Join(stack, "bin", "pgbouncer")}
	}
	for _, candidate := range candidates {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, "--version").Output() //nolint:gosec // It is the developer's own.
		if err != nil {
			t.Fatalf("%s --version: %v", path, err)
		}
		if knows = keepsPrepared(string(out)); knows || mode != Prepared {
			return path, knows
		}
	}
	message := "NOT RUN: no pgbouncer in PGBOUNCER, on the PATH, in /usr/sbin or in STACK_DIR (Debian: apt-get install pgbouncer)"
	if mode == Prepared {
		message = "NOT RUN: no pgbouncer from 1.21 in PGBOUNCER, on the PATH, in /usr/sbin or in STACK_DIR (amd64 Debian: testkit/pooler/fetch)"
	}
	fmt.Fprintln(os.Stderr, message)
	t.Skip(message)
	return "", false
}

// keepsPrepared reports whether this version can keep prepared statements in transaction mode.
func keepsPrepared(version string) bool {
	_, number, _ := strings.Cut(version, " ")
	major, rest, _ := strings.Cut(number, ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, errMajor := strconv.Atoi(major)
	n, errMinor := strconv.Atoi(minor)
	return errMajor == nil && errMinor == nil && (m > 1 || n >= 21)
}
