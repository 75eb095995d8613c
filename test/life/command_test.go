//go:build tofu

package life

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// buildCommand compiles the command line client into .run, once.
var buildCommand = sync.OnceValues(func() (string, error) {
	folder, err := filepath.Abs("../../.run/cli")
	if err != nil {
		return "", err
	}
	if err := replica.Compile(context.Background(), "", filepath.Join(folder, "driftsentry"), "cli/cmd/driftsentry"); err != nil {
		return "", err
	}
	return folder, nil
})

// expectStatus runs lines with driftsentry on the PATH.
func (r *root) expectStatus(t *testing.T, lines block, want int, texts ...string) {
	t.Helper()
	folder, err := buildCommand()
	if err != nil {
		t.Fatal(err)
	}
	status := 0
	out, err := r.run(t, lines, "PATH="+folder+":"+r.tool.bin+":"+os.Getenv("PATH"))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	}
	if status != want {
		t.Fatalf("exit status %d, want %d: %v\n%s", status, want, err, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("%q is missing in\n%s", text, out)
		}
	}
}

// commandLine: the one line finds a drift, a part of the root closes none, and a plan that fails is told with the tool's own error.
// Mutations: scope=full for -target, the plan sent in spite of the tool's failure, the failure not told.
func commandLine(t *testing.T, r *root, lines block) {
	r.expectStatus(t, lines, 2, "1 new", "disk_server.web")
	r.expect(t, one)
	r.change(t, "web", "size", "small")
	r.expectStatus(t, block{"a part", strings.TrimSpace(lines.text) + " -target=disk_server.db"}, 2, "1 open drift could not be judged")
	r.expect(t, one)
	r.expectStatus(t, lines, 0, "1 resolved", "Nothing is open that needs a decision.")
	r.expect(t, map[string]string{"disk_server.web": "reverted"})
	r.change(t, "db", "name", 7) // The provider cannot read that.
	r.expectStatus(t, lines, 1, "plan failed: ", "DriftSentry knows that the run of")
	r.expectWorkspace(t, "failed")
}

// sendLine pipes a plan, and then sends the plan file itself.
func sendLine(t *testing.T, r *root, lines block) {
	r.expectStatus(t, lines, 2, "1 new")
	r.expect(t, one)
	r.change(t, "web", "size", "small")
	r.expectStatus(t, block{"a plan file", "terraform plan -refresh-only -out tfplan >&2\ndriftsentry send --tool=terraform tfplan"}, 0, "1 resolved")
	r.expect(t, map[string]string{"disk_server.web": "reverted"})
}
