//go:build compose

// Package compose tests the production stack in containers: it builds both images, brings docker-compose.prod.yml up,
// goes through the edge as users do, looks at what the containers may do, and takes everything down. It needs a
// container engine with compose; without one it is skipped and says so.
//
//	make test-compose
package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

const (
	root    = "../.."
	project = "driftsentry-test"
	email   = "admin@acme.example"
	secret  = "the-password-of-the-compose-test"
)

// installation is the stack as `make up` would start it, beside whatever else runs here.
type installation struct {
	t    *testing.T
	args []string // of docker, before compose's own command
	port int
	left []string // services whose image can't be had
}

func TestCompose(t *testing.T) {
	s := install(t)
	if len(s.left) > 0 {
		t.Logf("LEFT OUT, since their images can't be had: %s", strings.Join(s.left, ", "))
	}
	t.Run("the edge leads to the api and to nothing that is not for users", s.edge)
	t.Run("a user signs in through the edge", s.signIn)
	t.Run("no container may more than it must", s.confined)
	t.Run("the services log no error", s.quiet)
	t.Run("the edge answers for an api that is away", s.away)
}

func install(t *testing.T) *installation {
	t.Helper()
	for _, probe := range [][]string{{"info"}, {"compose", "version"}} {
		if out, err := exec.CommandContext(t.Context(), "docker", probe...).CombinedOutput(); err != nil {
			message := fmt.Sprintf("NOT RUN: no container engine (docker %s: %v)", strings.Join(probe, " "), err)
			fmt.Fprintf(os.Stderr, "%s\n%s", message, out)
			t.Skip(message)
		}
	}
	dir := t.TempDir()
	s := &installation{t: t, port: freePort(t)}
	s.prepare(dir)
	s.args = []string{
		"compose", "-p", project, "--env-file", filepath.Join(dir, ".env"), "-f", filepath.Join(root, "docker-compose.prod.yml"),
	}
	s.args = append(s.args, "-f", s.leaveOut(dir))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if t.Failed() {
			out, _ := s.command(ctx, "logs", "--tail", "30").CombinedOutput()
			t.Logf("%s", out)
		}
		if out, err := s.command(ctx, "down", "--volumes", "--timeout", "20").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	s.run("up", "-d", "--build", "--wait", "--wait-timeout", "600")
	return s
}

// prepare makes .env and the secrets by the script that is shipped.
func (s *installation) prepare(dir string) {
	s.t.Helper()
	script, err := os.ReadFile(filepath.Join(root, "deploy", "prepare"))
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(dir, "deploy", "prepare")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, script, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.CommandContext(s.t.Context(), path).CombinedOutput(); err != nil {
		s.t.Fatalf("prepare: %v\n%s", err, out)
	}
	env, err := os.OpenFile(filepath.Join(dir, ".env"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer env.Close()
	// Folders are relative to the compose file, so say it whole; ports and networks are ours alone.
	fmt.Fprintf(env, "SECRETS_DIR=%s\nHTTP_PORT=%d\nHTTPS_PORT=%d\nEDGE_SUBNET=172.30.91.0/24\nPUBLIC_URL=http://localhost:%d\nVERSION=test\n",
		filepath.Join(dir, "secrets"), s.port, freePort(s.t), s.port)
}

// leaveOut writes an override without the services whose image is neither here nor in a registry that answers.
func (s *installation) leaveOut(dir string) string {
	s.t.Helper()
	var config struct {
		Services map[string]struct {
			Image string
			Build *struct{}
		}
	}
	if err := json.Unmarshal(s.run("config", "--format", "json"), &config); err != nil {
		s.t.Fatal(err)
	}
	override := "services:\n"
	for name, service := range config.Services {
		if service.Build != nil || exec.CommandContext(s.t.Context(), "docker", "image", "inspect", service.Image).Run() == nil ||
			exec.CommandContext(s.t.Context(), "docker", "pull", "-q", service.Image).Run() == nil {
			continue
		}
		s.left = append(s.left, name)
		override += fmt.Sprintf("  %s: { profiles: [left-out] }\n", name)
	}
	if len(s.left) == 0 {
		override = "services: {}\n"
	}
	path := filepath.Join(dir, "override.yml")
	if err := os.WriteFile(path, []byte(override), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *installation) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "docker", slices.Concat(s.args, args)...)
}

func (s *installation) run(args ...string) []byte {
	s.t.Helper()
	cmd := s.command(s.t.Context(), args...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("docker compose %s: %v\n%s%s", strings.Join(args, " "), err, out, problems.Bytes())
	}
	return out
}

func (s *installation) base() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

type answer struct {
	status int
	header http.Header
	body   []byte
	Error  struct{ Code, TraceID string }
}

func (s *installation) get(t *testing.T, path string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(a.body, &a) // Probes have no envelope.
	return a
}

// expectEnvelope is for answers of the edge, which look like those of the api.
func (a answer) expectEnvelope(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.Error.Code != code {
		t.Errorf("%d %s, want %d %s", a.status, a.body, status, code)
	}
	if id := a.Error.TraceID; len(id) != 32 || id != a.header.Get("X-Correlation-ID") {
		t.Errorf("traceId %q, X-Correlation-ID %q", id, a.header.Get("X-Correlation-ID"))
	}
}

func (s *installation) edge(t *testing.T) {
	for _, path := range []string{"/health/live", "/health/ready", "/health/detailed"} {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/metrics", "/grafana/metrics", "/"} {
		s.get(t, path).expectEnvelope(t, http.StatusNotFound, "NOT_FOUND")
	}
	s.get(t, "/api/v1/drifts").expectEnvelope(t, http.StatusUnauthorized, "AUTH_ERROR")
	// It is realtime that wants an upgrade.
	s.get(t, "/ws").expectEnvelope(t, http.StatusBadRequest, "VALIDATION_ERROR")
}

func (s *installation) signIn(t *testing.T) {
	create := s.command(t.Context(), "exec", "-T", "api", "api", "user", "create", "--account", "acme", "--email", email,
		"--name", "Admin", "--role", "admin", "--password-stdin")
	create.Stdin = strings.NewReader(secret)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("user create: %v\n%s", err, out)
	}
	if _, err := (apiclient.Client{Base: s.base()}).SignIn(t.Context(), email, secret); err != nil {
		t.Error(err)
	}
}

// container is what docker inspect tells.
type container struct {
	Config struct {
		User   string
		Labels map[string]string
	}
	HostConfig struct {
		ReadonlyRootfs, Privileged bool
		CapAdd, CapDrop            []string
		SecurityOpt                []string
		PortBindings               map[string]any
		Memory, NanoCpus           int64
	}
}

func (s *installation) confined(t *testing.T) {
	ids := strings.Fields(string(s.run("ps", "--all", "--quiet")))
	out, err := exec.CommandContext(t.Context(), "docker", append([]string{"inspect"}, ids...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var containers []container
	if err := json.Unmarshal(out, &containers); err != nil || len(containers) < 8 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	for _, c := range containers {
		name, host := c.Config.Labels["com.docker.compose.service"], c.HostConfig
		mayAdd := map[string][]string{"caddy": {"NET_BIND_SERVICE"}, "volumes": {"CHOWN"}}[name]
		for i := range host.CapAdd {
			host.CapAdd[i] = strings.TrimPrefix(host.CapAdd[i], "CAP_")
		}
		user, _, _ := strings.Cut(c.Config.User, ":")
		switch {
		case !host.ReadonlyRootfs:
			t.Errorf("%s can write to its root", name)
		case host.Privileged || !slices.Equal(host.CapDrop, []string{"ALL"}) || !slices.Equal(host.CapAdd, mayAdd):
			t.Errorf("%s has capabilities: drop %v, add %v", name, host.CapDrop, host.CapAdd)
		case !slices.Contains(host.SecurityOpt, "no-new-privileges:true"):
			t.Errorf("%s may gain privileges: %v", name, host.SecurityOpt)
		// The volumes' owners are changed by root alone.
		case name != "volumes" && (user == "" || user == "0" || user == "root"):
			t.Errorf("%s runs as root", name)
		case name != "caddy" && len(host.PortBindings) > 0:
			t.Errorf("%s publishes %v", name, host.PortBindings)
		case host.Memory == 0 || host.NanoCpus == 0:
			t.Errorf("%s has no limit: memory %d, CPU %d", name, host.Memory, host.NanoCpus)
		}
	}
}

func (s *installation) quiet(t *testing.T) {
	for line := range strings.Lines(string(s.run("logs", "--no-log-prefix", "api", "realtime", "migrate"))) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "error" || entry.Level == "fatal" {
			t.Errorf("%s", line)
		}
	}
}

func (s *installation) away(t *testing.T) {
	s.run("stop", "api")
	a := s.get(t, "/api/v1/drifts")
	a.expectEnvelope(t, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
	if a.header.Get("Retry-After") == "" {
		t.Error("the edge's 503 has no Retry-After")
	}
	s.run("up", "-d", "--wait", "api")
	if a := s.get(t, "/health/ready"); a.status != http.StatusOK {
		t.Errorf("after its return: %d %s", a.status, a.body)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
