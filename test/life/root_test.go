//go:build tofu

package life

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/installed"
)

// source is the provider's address; it is in no registry.
const source = "registry.example/driftsentry/disk"

// tool is Terraform or OpenTofu, with our provider.
type tool struct {
	name string // as on the command line: terraform or tofu
	bin  string // a folder with this tool alone
	rc   string // its CLI configuration
}

// findTool skips the test when the tool is not there.
func findTool(t *testing.T, name string) tool {
	t.Helper()
	found := installed.Programs(t, name)[name]
	provider, err := buildProvider()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := tool{name: name, bin: filepath.Join(dir, "bin"), rc: filepath.Join(dir, "cli.tfrc")}
	rc := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n}\n", source, filepath.Dir(provider))
	for _, err := range []error{
		os.Mkdir(c.bin, 0o700), os.Symlink(found, filepath.Join(c.bin, name)), os.WriteFile(c.rc, []byte(rc), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// buildProvider compiles test/tofu into .run, once; Go's cache makes the next time quick.
var buildProvider = sync.OnceValues(func() (string, error) {
	program, err := filepath.Abs("../../.run/provider/terraform-provider-disk")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	cmd.Dir = "../tofu"
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	return program, nil
})

// root is a folder with a configuration and a state, and the infrastructure that it manages.
type root struct {
	tool      tool
	pair      *pair
	workspace string
	dir       string
	reality   string
}

func newRoot(t *testing.T, p *pair, c tool, workspace string) *root {
	t.Helper()
	return &root{tool: c, pair: p, workspace: workspace, dir: t.TempDir(), reality: t.TempDir()}
}

// configure writes the configuration.
func (r *root) configure(t *testing.T, resources ...string) {
	t.Helper()
	text := fmt.Sprintf("terraform {\n  required_providers {\n    disk = { source = %q }\n  }\n}\nprovider \"disk\" {\n  folder = %q\n}\n%s",
		source, r.reality, strings.Join(resources, "\n"))
	if err := os.WriteFile(filepath.Join(r.dir, "main.tf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// resource is a block of configuration. The resource's name is the label's.
func resource(kind, label, attributes string) string {
	return fmt.Sprintf("resource \"disk_%s\" %q {\n  name = %q\n  %s\n}\n", kind, label, label, attributes)
}

// change alters what is really there, behind the tool's back.
func (r *root) change(t *testing.T, name, attribute string, value any) {
	t.Helper()
	path := filepath.Join(r.reality, name+".json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	fields[attribute] = value
	if raw, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lose removes what is really there.
func (r *root) lose(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(r.reality, name+".json")); err != nil {
		t.Fatal(err)
	}
}

// apply is what an engineer does.
func (r *root) apply(t *testing.T, flags ...string) {
	t.Helper()
	script := block{"apply", r.tool.name + " apply -auto-approve -input=false -no-color " + strings.Join(flags, " ")}
	if out, err := r.run(t, script); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// plan leaves a refresh-only plan in plan.json, as the page's blocks that only send one expect it.
func (r *root) plan(t *testing.T) {
	t.Helper()
	commands := documented(t, r.tool.name+" refresh-only")
	commands.text, _, _ = strings.Cut(commands.text, "curl ")
	if out, err := r.run(t, commands); err != nil {
		t.Fatalf("plan: %v\n%s", err, out)
	}
}

// run runs commands in bash, as a CI job in the root's folder does.
func (r *root) run(t *testing.T, commands block, environ ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands.text)
	cmd.Dir = r.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "TF_") }),
		"PATH="+r.tool.bin+":"+os.Getenv("PATH"), "TF_CLI_CONFIG_FILE="+r.tool.rc, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"DRIFTSENTRY_URL="+r.pair.url, "DRIFTSENTRY_API_KEY="+r.pair.apiKey, "DRIFTSENTRY_WORKSPACE="+r.workspace)
	cmd.Env = append(cmd.Env, environ...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String() + complaints.String(), err
	}
	return out.String(), nil
}
