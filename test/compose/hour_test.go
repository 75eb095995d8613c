//go:build compose

package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// firstHour runs the lines of docs/first-hour.md as they stand, in one shell after the other, as a new operator pastes them. Terraform is a program
// that gives a plan of ours, and the key is made without the console. Mutations: another name of a command, an option or a parameter on the page;
// setupLine of `api user create` without the token.
func (s *installation) firstHour(t *testing.T) {
	page, err := os.ReadFile(whole(t, "docs/first-hour.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	terraform := "#!/bin/sh\n[ \"$1\" = plan ] || cat " + whole(t, plan) + "\n"
	if err := os.WriteFile(filepath.Join(dir, "terraform"), []byte(terraform), 0o700); err != nil {
		t.Fatal(err)
	}
	const newcomer = "you@example.com"
	said, settings, ran := "", "", 0
	run := func(in, lines, stdin string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", settings+lines)
		cmd.Dir, cmd.Stdin = in, strings.NewReader(stdin)
		cmd.Env = append(slices.Clone(s.environ), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		return string(output(t, cmd))
	}
	for _, block := range regexp.MustCompile(`(?: {7}.*\n)+`).FindAllString(string(page), -1) {
		lines := strings.ReplaceAll(block, "http://localhost", s.base())
		ran++
		switch {
		case strings.Contains(lines, "user create"):
			said = run(whole(t, "."), lines, "")
			_, line, _ := strings.Cut(said, "In a shell, ")
			_, line, ok := strings.Cut(line, "\n")
			if !ok {
				t.Fatalf("no line for a shell in %s", said)
			}
			run(dir, line, password+"\n")
			admin := s.client(t, client.WithPassword(newcomer, password))
			if _, err := admin.SignIn(t.Context()); err != nil {
				t.Fatal(err)
			}
			created, err := admin.CreateAPIKey(t.Context(), client.NewAPIKey{Name: "CI", Scope: client.ScopeIngest})
			if err != nil {
				t.Fatal(err)
			}
			said = created.Key
		case strings.Contains(lines, "export DRIFTSENTRY_URL"):
			settings = strings.ReplaceAll(lines, "ds_your_key", said)
		case strings.Contains(lines, "terraform"):
			if answer := run(dir, lines, ""); !strings.Contains(answer, `"drifts":[{`) {
				t.Errorf("the response has no drift: %s", answer)
			}
		default:
			run(whole(t, "."), lines, "")
		}
	}
	if ran != 5 {
		t.Errorf("the page has %d blocks of lines", ran)
	}
}
