package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what the tests need of ci/github/action.yml.
type action struct {
	Inputs map[string]struct {
		Required bool
		Default  *string
	}
	Runs struct {
		Steps []struct {
			Name string
			Env  map[string]string
			Run  string
		}
	}
}

var expression = regexp.MustCompile(`\$\{\{ ([a-z_.-]+) \}\}`)

// TestAction runs the scripts of the action for GitHub as a runner does, with the variables of the host. The program is built by the
// action. Mutations: a step's variable misspelt, PLAN not looked at, an option of several lines given as one.
func TestAction(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d := newDesk(ctx, t)
	raw, err := os.ReadFile("../../ci/github/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("../../ci/github")
	if err != nil {
		t.Fatal(err)
	}
	planFile, err := filepath.Abs(plan)
	if err != nil {
		t.Fatal(err)
	}
	temp, work := t.TempDir(), t.TempDir()
	path, summary := filepath.Join(temp, "path"), filepath.Join(temp, "summary.md")
	host := []string{
		"CI=true", "GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME=push", "GITHUB_REF_NAME=main", "GITHUB_SHA=c0ffee", "GITHUB_SERVER_URL=https://github.example",
		"GITHUB_REPOSITORY=acme/infra", "GITHUB_RUN_ID=9", "GITHUB_ACTOR=ada", "GITHUB_STEP_SUMMARY=" + summary, "GITHUB_PATH=" + path, "RUNNER_TEMP=" + temp,
		"HOME=" + os.Getenv("HOME"), "GOFLAGS=" + os.Getenv("GOFLAGS"), "GOPROXY=" + os.Getenv("GOPROXY"),
	}
	run := func(inputs map[string]string) (status int, out string) {
		t.Helper()
		value := func(found string) string {
			name := expression.FindStringSubmatch(found)[1]
			input, ok := strings.CutPrefix(name, "inputs.")
			declared := a.Inputs[input]
			switch {
			case name == "github.action_path":
				return folder
			case !ok:
				t.Fatalf("the action uses %s, which is not known here", name)
			case inputs[input] != "":
				return inputs[input]
			case declared.Default == nil:
				t.Fatalf("the action uses the input %s, which has no value", input)
			}
			return *declared.Default
		}
		for _, step := range a.Runs.Steps {
			environ := slices.Clone(host)
			added, _ := os.ReadFile(path) // what the steps before have added
			environ = append(environ, "PATH="+strings.ReplaceAll(strings.TrimSpace(string(added)), "\n", ":")+":"+os.Getenv("PATH"))
			for name, text := range step.Env {
				environ = append(environ, name+"="+expression.ReplaceAllStringFunc(text, value))
			}
			// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
			c := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
			var b bytes.Buffer
			c.Dir, c.Env, c.Stdout, c.Stderr = work, environ, &b, &b
			err := c.Run()
			if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
				t.Fatal(err)
			}
			if out += b.String(); err != nil {
				return c.ProcessState.ExitCode(), out
			}
		}
		return 0, out
	}
	inputs := map[string]string{
		"url": d.url, "api-key": d.apiKey,
		"workspace": "by-action", "plan": planFile, "send-options": "--scope=full\n--triggered-by=grace hopper",
	}
	status, out := run(inputs)
	result{status, out, ""}.expect(t, 2, "by-action: drifted. 4 new")
	if c := d.lastCheck(ctx, t, "by-action"); c.TriggeredBy != "grace hopper" || c.Commit != "c0ffee" || c.RunURL != "https://github.example/acme/infra/actions/runs/9" {
		t.Errorf("%+v", c.Source)
	}
	if written, err := os.ReadFile(summary); err != nil || !strings.Contains(string(written), "### Drift in by-action") {
		t.Errorf("%v: %s", err, written)
	}
	inputs["fail-on"] = "never"
	status, out = run(inputs)
	result{status, out, ""}.expect(t, 0)
	key := inputs["api-key"]
	delete(inputs, "api-key")
	status, out = run(inputs)
	result{status, out, ""}.expect(t, 1, "id-token: write")
	issuer := d.trusted(ctx, t, d.url)
	host = append(host, gitHubTokens(t, issuer)...)
	status, out = run(inputs)
	result{status, out, ""}.expect(t, 0)
	inputs["audience"] = "another"
	status, out = run(inputs)
	result{status, out, ""}.expect(t, 1, "the trust in the job's token")
	inputs["api-key"] = key
	delete(inputs, "plan")
	inputs["tool"], inputs["options"] = "tofu", "-out=x"
	status, out = run(inputs)
	result{status, out, ""}.expect(t, 1, "-out=x does not go with a refresh-only plan")
}

// TestInstall downloads a release from a server of the test. Mutation: the checksum not compared.
func TestInstall(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("NOT RUN: bash and curl are not known to be here")
	}
	program := []byte("#!/bin/sh\necho installed\n")
	sum := sha256.Sum256(program)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1.2.3/driftsentry_"+runtime.GOOS+"_"+runtime.GOARCH {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(program)
	}))
	defer server.Close()
	for name, tt := range map[string]struct {
		version, sum, fails string
	}{
		"as released":      {"1.2.3", hex.EncodeToString(sum[:]), ""},
		"with a v":         {"v1.2.3", hex.EncodeToString(sum[:]), ""},
		"another checksum": {"1.2.3", strings.Repeat("0", 64), "it is not used"},
		"no checksum":      {"1.2.3", "", "give the sha256 of driftsentry_"},
		"no such version":  {"9.9.9", hex.EncodeToString(sum[:]), "404"},
	} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			c := exec.CommandContext(t.Context(), "bash", "../../ci/install.sh", to)
			c.Env = append(os.Environ(), "DRIFTSENTRY_RELEASES="+server.URL, "DRIFTSENTRY_VERSION="+tt.version, "DRIFTSENTRY_SHA256="+tt.sum)
			out, err := c.CombinedOutput()
			_, missing := os.Stat(filepath.Join(to, "driftsentry"))
			if tt.fails == "" {
				ran, runErr := exec.CommandContext(t.Context(), filepath.Join(to, "driftsentry")).Output()
				if err != nil || runErr != nil || string(ran) != "installed\n" {
					t.Errorf("%v, %v: %s%s", err, runErr, out, ran)
				}
				return
			}
			if err == nil || missing == nil || !strings.Contains(string(out), tt.fails) {
				t.Errorf("%v, %v: %s", err, missing, out)
			}
		})
	}
}

// TestGitLab runs the template's script as a runner of GitLab does, with a release of the test.
func TestGitLab(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("NOT RUN: the template is for linux/amd64")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d := newDesk(ctx, t)
	raw, err := os.ReadFile("../../ci/gitlab/driftsentry.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, job, found := strings.Cut(string(raw), "\n---\n")
	if !found {
		t.Fatal("the template has no job below its inputs")
	}
	program, err := os.ReadFile(d.program)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(program) }))
	defer server.Close()
	sum := sha256.Sum256(program)
	for name, value := range map[string]string{
		"url": d.url, "workspace": "by-template", "tool": "terraform", "options": "-lock=false",
		"image": "none", "stage": "test", "version": "1.2.3", "sha256": hex.EncodeToString(sum[:]), "fail-on": "any",
	} {
		job = strings.ReplaceAll(job, "$[[ inputs."+name+" ]]", value)
	}
	if strings.Contains(job, "$[[") {
		t.Fatalf("an input has no value:\n%s", job)
	}
	var template map[string]struct {
		Variables map[string]string
		Script    []string
		Tokens    map[string]struct {
			Audience string `yaml:"aud"`
		} `yaml:"id_tokens"`
	}
	if err := yaml.Unmarshal([]byte(job), &template); err != nil {
		t.Fatal(err)
	}
	// No Terraform is here: that the tool cannot be called is a failure, which is told. test/life calls the real one.
	bin := t.TempDir()
	for _, name := range []string{"curl", "chmod", "sha256sum"} {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Skip("NOT RUN: " + name + " is not here")
		}
		if err := os.Symlink(found, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(credential string) {
		t.Helper()
		c := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", strings.Join(template["driftsentry"].Script, "\n"))
		c.Dir = t.TempDir()
		c.Env = []string{
			"PATH=" + bin, credential, "DRIFTSENTRY_RELEASES=" + server.URL, "CI=true", "GITLAB_CI=true", "CI_COMMIT_REF_NAME=main",
			"CI_JOB_URL=https://gitlab.example/jobs/4",
		}
		for name, value := range template["driftsentry"].Variables {
			c.Env = append(c.Env, name+"="+value)
		}
		out, _ := c.CombinedOutput()
		result{c.ProcessState.ExitCode(), string(out), ""}.expect(t, 1, "terraform plan failed", "there is no workspace by-template yet")
	}
	run("DRIFTSENTRY_API_KEY=" + d.apiKey)
	// Or with the job's own token, which GitLab puts into the variable.
	asked := template["driftsentry"].Tokens["DRIFTSENTRY_ID_TOKEN"].Audience
	if asked != d.url {
		t.Errorf("the template asks for a token for %q", asked)
	}
	run("DRIFTSENTRY_ID_TOKEN=" + d.trusted(ctx, t, asked).Token(asked, jobSubject, nil))
}
