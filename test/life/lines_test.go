//go:build tofu

package life

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pageTests say how each block of docs/sending-plans.md is run. What is neither Terraform nor OpenTofu is played: by a script
// for terragrunt, by a server for HCP Terraform. The block of a tool is run with that tool, the others with each.
var pageTests = map[string]func(*testing.T, *root, block){
	"terraform run":          commandLine,
	"terraform send":         sendLine,
	"tofu run":               commandLine,
	"terraform refresh-only": find,
	"terraform normal":       find,
	"terraform job":          job,
	"tofu refresh-only":      find,
	"tofu normal":            find,
	"tofu partial":           part,
	"terragrunt":             terragrunt,
	"hcp run":                hcp("/api/v2/runs/run-1/plan/json-output"),
	"hcp assessment":         hcp("/api/v2/assessment-results/asmtres-1/json-output"),
	"hcp redacted":           redacted,
	"runner":                 runner,
	"preview":                preview,
	"compressed":             resolve("reverted"),
	"slimmed":                resolve("reverted"),
	"drift alone":            resolve("unknown"),
	"failure":                failure,
}

// TestPage runs every block of commands on the page as a CI job would.
func TestPage(t *testing.T) {
	t.Run("every block is run", func(t *testing.T) {
		want := append(slices.Sorted(maps.Keys(pageTests)), "settings")
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(blocks(t))); !slices.Equal(got, want) {
			t.Errorf("docs/sending-plans.md has the blocks %q, and these are run: %q", got, want)
		}
	})
	for _, name := range []string{"terraform", "tofu"} {
		t.Run(name, func(t *testing.T) {
			c := findTool(t, name)
			p := startPair(t)
			for _, lines := range slices.Sorted(maps.Keys(pageTests)) {
				of, _, _ := strings.Cut(lines, " ")
				if (of == "terraform" || of == "tofu") && of != name {
					continue
				}
				t.Run(lines, func(t *testing.T) {
					t.Parallel()
					r := newRoot(t, p, c, t.Name())
					r.configure(t, resource("server", "web", `size = "small"`), resource("server", "db", ""))
					r.apply(t)
					r.change(t, "web", "size", "huge")
					pageTests[lines](t, r, documented(t, lines))
				})
			}
		})
	}
}

var one = map[string]string{"disk_server.web": "detected"}

// find sends a plan with one drift, twice.
func find(t *testing.T, r *root, lines block) {
	c := r.send(t, lines)
	c.expectEvidence(t, "proven", "full", 0)
	r.expect(t, one)
	r.change(t, "web", "size", "small")
	r.send(t, lines)
	r.expect(t, map[string]string{"disk_server.web": "reverted"})
}

// resolve sends a plan with one drift, and one without it, which closes it.
func resolve(how string) func(*testing.T, *root, block) {
	return func(t *testing.T, r *root, lines block) {
		r.plan(t)
		r.send(t, lines)
		r.expect(t, one)
		r.change(t, "web", "size", "small")
		r.plan(t)
		r.send(t, lines).expectEvidence(t, "proven", "full", 0)
		r.expect(t, map[string]string{"disk_server.web": how})
	}
}

func part(t *testing.T, r *root, lines block) {
	r.lose(t, "db")
	r.send(t, documented(t, "tofu refresh-only"))
	r.send(t, lines).expectEvidence(t, "proven", "partial", 1)
	r.expect(t, map[string]string{"disk_server.web": "detected", "disk_server.db": "detected"})
}

func preview(t *testing.T, r *root, lines block) {
	r.plan(t)
	r.send(t, lines, "BRANCH=main", "COMMIT=0123abc", "RUN_URL=https://ci.example/runs/7")
	r.expect(t, nil)
}

func runner(t *testing.T, r *root, lines block) {
	r.plan(t)
	if err := os.Rename(filepath.Join(r.dir, "plan.json"), filepath.Join(r.dir, "spacelift.plan.json")); err != nil {
		t.Fatal(err)
	}
	r.send(t, lines)
	r.expect(t, one)
}

func failure(t *testing.T, r *root, lines block) {
	r.send(t, documented(t, r.tool.name+" refresh-only"))
	r.send(t, lines, "RUN_URL=https://ci.example/runs/7")
	r.expect(t, one)
	r.expectWorkspace(t, "failed")
}

// job is the whole job: it ends well, and then it does not and tells that.
func job(t *testing.T, r *root, lines block) {
	r.send(t, lines)
	r.expect(t, one)
	r.expectWorkspace(t, "drifted")
	r.change(t, "db", "name", 7) // The provider cannot read that.
	for _, environ := range []string{"RUN_URL=", "RUN_URL=https://ci.example/runs/8"} {
		out, err := r.run(t, lines, environ)
		if err == nil || len(responses(t, out)) != 1 {
			t.Errorf("the job of a plan that failed, with %s: %v: %s", environ, err, out)
		}
	}
	r.expectWorkspace(t, "failed")
}

// redacted plays a plan as HCP Terraform gives it to those who may only read.
func redacted(t *testing.T, r *root, lines block) {
	r.plan(t)
	slim := block{"slim", `jq '{plan_format_version: .format_version, resource_drift, resource_changes: [], output_changes: {}}' plan.json > x && mv x plan.json`}
	if out, err := r.run(t, slim); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hcpHas(t, r, lines, "/api/v2/plans/plan-1/json-output-redacted")
}

// hcp plays HCP Terraform with a whole plan.
func hcp(path string) func(*testing.T, *root, block) {
	return func(t *testing.T, r *root, lines block) {
		r.plan(t)
		hcpHas(t, r, lines, path)
	}
}

// hcpHas serves plan.json at a path, which redirects to where the plan is.
func hcpHas(t *testing.T, r *root, lines block, path string) {
	raw, err := os.ReadFile(filepath.Join(r.dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer tfe-token" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		http.Redirect(w, req, "/archive", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /archive", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(raw) })
	server := httptest.NewServer(mux)
	defer server.Close()
	if err := os.Remove(filepath.Join(r.dir, "plan.json")); err != nil {
		t.Fatal(err)
	}
	r.send(t, lines, "TFE_ADDRESS="+server.URL, "TFE_TOKEN=tfe-token", "RUN_ID=run-1", "ASSESSMENT_ID=asmtres-1", "PLAN_ID=plan-1")
	r.expect(t, one)
}

// terragrunt plays Terragrunt with two units: it hands the plan's flags to the tool in each, and writes what --json-out-dir asks
// for. Terragrunt itself is not run here.
func terragrunt(t *testing.T, r *root, lines block) {
	config, err := os.ReadFile(filepath.Join(r.dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"vpc", "apps/web"} {
		dir := filepath.Join(r.dir, unit)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), config, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const script = `#!/bin/bash
set -euo pipefail
test "$1 $2 $3 $4" = "run --all --non-interactive --json-out-dir" && out=$5 && test "$6" = --
shift 6
for unit in vpc apps/web; do
  mkdir -p "$out/$unit"
  (cd $unit && TOOL "$@" -out tfplan > log && TOOL show -json tfplan > "$out/$unit/tfplan.json")
done
`
	path := filepath.Join(r.tool.bin, "terragrunt")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(script, "TOOL", r.tool.name)), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	for _, unit := range []string{"vpc", "apps/web"} {
		own := *r
		own.dir = filepath.Join(r.dir, unit)
		own.apply(t)
	}
	r.change(t, "web", "size", "huge")
	out, err := r.run(t, lines)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, unit := range []string{"vpc", "apps/web"} {
		own := *r
		own.workspace = r.workspace + "/" + unit
		own.expect(t, one)
	}
	if n := len(responses(t, out)); n != 2 {
		t.Errorf("%d plans were sent, want 2", n)
	}
}

// TestPage_settings: the page sets what its other commands, and the jobs of the tests, have.
func TestPage_settings(t *testing.T) {
	var names []string
	for _, m := range export.FindAllStringSubmatch(documented(t, "settings").text, -1) {
		names = append(names, m[1])
	}
	if want := []string{"DRIFTSENTRY_URL", "DRIFTSENTRY_API_KEY", "DRIFTSENTRY_WORKSPACE"}; !slices.Equal(names, want) {
		t.Errorf("the page sets %q, want %q", names, want)
	}
}

// TestPage_curl: every command that sends something fails when it is refused.
func TestPage_curl(t *testing.T) {
	for name, text := range blocks(t) {
		if strings.Count(text, "curl ") != strings.Count(text, "curl --fail-with-body ") {
			t.Errorf("the block %q has curl without --fail-with-body", name)
		}
	}
}
