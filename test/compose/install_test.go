//go:build compose

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/loopback"
)

const (
	root    = "../.."
	project = "driftsentry-test"
	version = "0.0.0-test"
	commit  = "0123456789abcdef0123456789abcdef01234567"
)

// installation is the stack as `make up` would start it, beside whatever else runs here.
type installation struct {
	t       *testing.T
	environ []string // of docker, with what compose is told
	secrets string   // the folder of the secret files
	http    int      // the ports of the edge
	https   int
	board   int      // the port of Grafana's own site
	left    []string // services whose image can't be had
	instead []string // services that run another version than the pinned one
	drift   string   // the one that was decided last
	trace   string   // of the last decision that a socket heard of
}

func install(t *testing.T) *installation {
	t.Helper()
	s := begin(t)
	s.run(t, "up", "-d", "--build", "--wait", "--wait-timeout", "600")
	return s
}

// begin makes all that the stack needs, and starts nothing.
func begin(t *testing.T) *installation {
	t.Helper()
	engine(t)
	dir := t.TempDir()
	s := &installation{t: t, http: loopback.Port(t), https: loopback.Port(t), board: loopback.Port(t), secrets: filepath.Join(dir, "secrets")}
	s.environ = append(os.Environ(),
		"COMPOSE_PROJECT_NAME="+project,
		"COMPOSE_FILE="+whole(t, "docker-compose.prod.yml")+string(os.PathListSeparator)+filepath.Join(dir, "override.yml"),
		"COMPOSE_ENV_FILES="+filepath.Join(dir, ".env"),
	)
	s.prepare(dir)
	s.override(dir)
	s.down() // What a run that was killed has left.
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.command(context.WithoutCancel(t.Context()), "logs", "--tail", "30").CombinedOutput()
			t.Logf("%s", out)
		}
		s.down()
	})
	return s
}

// engine skips the test where there is none.
func engine(t *testing.T) {
	t.Helper()
	noted(t, t.Name())
	for _, probe := range [][]string{{"info"}, {"compose", "version"}} {
		if out, err := exec.CommandContext(t.Context(), "docker", probe...).CombinedOutput(); err != nil {
			message := fmt.Sprintf("NOT RUN: no container engine (docker %s: %v)", strings.Join(probe, " "), err)
			fmt.Fprintf(os.Stderr, "%s\n%s", message, out)
			t.Skip(message)
		}
	}
}

// prepare makes .env and the secrets by the script that is shipped.
func (s *installation) prepare(dir string) {
	s.t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"prepare", "env.example"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy", name))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "deploy", name), text, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(s.t.Context(), filepath.Join(dir, "deploy", "prepare")).CombinedOutput(); err != nil {
		s.t.Fatalf("prepare: %v\n%s", err, out)
	}
	env, err := os.OpenFile(filepath.Join(dir, ".env"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer env.Close()
	// Folders are relative to the compose file, so say it whole; ports and networks are ours alone.
	fmt.Fprintf(env, "SECRETS_DIR=%s\nHTTP_PORT=%d\nHTTPS_PORT=%d\nEDGE_SUBNET=172.30.91.0/24\nEDGE_ADDRESS=172.30.91.250\nGRAFANA_PORT=%d\nGRAFANA_URL=http://localhost:%d\nPUBLIC_URL=http://localhost:%d\nVERSION=%s\nCOMMIT=%s\n",
		s.secrets, s.http, s.https, s.board, s.board, s.http, version, commit)
}

// override takes another version of an image that is neither here nor in a reachable registry, and where there is
// none leaves the service out.
func (s *installation) override(dir string) {
	s.t.Helper()
	path := filepath.Join(dir, "override.yml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	write("services: {}\n")
	var config struct {
		Services map[string]struct {
			Image string
			Build *struct{}
		}
	}
	if err := json.Unmarshal(s.run(s.t, "config", "--format", "json"), &config); err != nil {
		s.t.Fatal(err)
	}
	text := "services:\n  {}\n"
	for name, service := range config.Services {
		if name == "postgres" && s.docker("image", "inspect", service.Image) {
			text = strings.Replace(text, "  {}\n", "", 1) + s.withPrograms(service.Image)
			continue
		}
		if service.Build != nil || s.docker("image", "inspect", service.Image) || s.docker("pull", "-q", service.Image) {
			continue
		}
		text = strings.Replace(text, "  {}\n", "", 1)
		if other := s.another(service.Image); other != "" {
			s.instead = append(s.instead, fmt.Sprintf("%s runs %s, not %s, and no health check", name, other, service.Image))
			// What the health check calls may not be in that image, unless it is the same version by a shorter name.
			check := "healthcheck: { disable: true }"
			if strings.HasPrefix(service.Image, other) {
				check = ""
			}
			text += fmt.Sprintf("  %s: { image: %q, %s }\n", name, other, check)
			continue
		}
		s.left = append(s.left, name)
		text += fmt.Sprintf("  %s: { profiles: [left-out] }\n", name)
	}
	slices.Sort(s.left)
	write(text)
}

// withPrograms overrides an image of Postgres that has no gpg or zstd, which the official one has, by one with them.
func (s *installation) withPrograms(image string) string {
	s.t.Helper()
	if s.docker("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", "command -v gpg && command -v zstd") {
		return ""
	}
	const ours = project + "-postgres"
	build := exec.CommandContext(s.t.Context(), "docker", "build", "--tag", ours, "-")
	// The index of a mirror that stands still is past its date; signatures are still checked.
	build.Stdin = strings.NewReader("FROM " + image + "\nUSER root\n" +
		"RUN apt-get update -o Acquire::Check-Valid-Until=false && apt-get install -y --no-install-recommends gnupg zstd\n")
	output(s.t, build)
	s.instead = append(s.instead, "postgres and restored run "+image+" with gpg and zstd, which Docker's own has")
	return fmt.Sprintf("  postgres: { image: %q }\n  restored: { image: %[1]q }\n", ours)
}

// another is an image of the same name that is here.
func (s *installation) another(image string) string {
	repository, _, _ := strings.Cut(image, ":")
	out, err := exec.CommandContext(s.t.Context(), "docker", "images", "--format", "{{.Repository}}:{{.Tag}}", repository).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(out), "\n")
	return name
}

func (s *installation) docker(args ...string) bool {
	return exec.CommandContext(s.t.Context(), "docker", args...).Run() == nil
}

func (s *installation) down() {
	s.t.Helper()
	if out, err := s.command(context.WithoutCancel(s.t.Context()), "down", "--volumes", "--remove-orphans", "--timeout", "20").CombinedOutput(); err != nil {
		s.t.Errorf("down: %v\n%s", err, out)
	}
}

func (s *installation) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose"}, args...)...)
	if args[0] == "up" { // The others do not need the hashes of the files.
		cmd = exec.CommandContext(ctx, whole(s.t, "deploy", "compose"), args...)
	}
	cmd.Env = s.environ
	return cmd
}

func (s *installation) run(t *testing.T, args ...string) []byte {
	t.Helper()
	return output(t, s.command(t.Context(), args...))
}

func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, problems.Bytes())
	}
	return out
}

// script runs one of deploy against this installation.
func (s *installation) script(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	return output(t, s.scriptCommand(name, args...))
}

func (s *installation) scriptCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), whole(s.t, "deploy", name), args...)
	cmd.Env = s.environ
	return cmd
}

func (s *installation) secret(name string) string {
	s.t.Helper()
	value, err := os.ReadFile(filepath.Join(s.secrets, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(value)
}

// whole is the path of a file of the repository, from the root of the file system.
func whole(t *testing.T, elements ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
