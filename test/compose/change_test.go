//go:build compose

package compose

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// change is one of a file that a container reads at its start.
type change struct {
	service string
	// The file in deploy; the part of deploy that is mounted, and where.
	file, mount, target string
	// What is written instead of what, and what shows that the process has it.
	old, new string
	shows    func(*testing.T, *installation) (string, error)
	want     string
	stays    bool // the container, because the program reads the file again
}

var changes = []change{
	{
		"otel-collector", "otel-collector/config.yaml", "otel-collector/config.yaml", "/etc/otelcol-contrib/config.yaml",
		"limit_mib: 210", "limit_mib: 190", logOf("otel-collector"), `"limit_mib": 190`, false,
	},
	{"tempo", "tempo/tempo.yaml", "tempo/tempo.yaml", "/etc/tempo/tempo.yaml", "block_retention: 168h", "block_retention: 100h", nil, "", false},
	{"loki", "loki/loki.yaml", "loki/loki.yaml", "/etc/loki/loki.yaml", "retention_period: 168h", "retention_period: 100h", nil, "", false},
	{
		"alertmanager", "alertmanager/alertmanager.yml", "alertmanager", "/etc/alertmanager", "group_wait: 30s", "group_wait: 29s",
		ask("alertmanager", "http://127.0.0.1:9093/api/v2/status"), "group_wait: 29s", false,
	},
	{
		"prometheus", "prometheus/prometheus.yml", "prometheus", "/etc/prometheus", "scrape_timeout: 10s", "scrape_timeout: 9s",
		ask("prometheus", "http://127.0.0.1:9090/api/v1/status/config"), "scrape_timeout: 9s", true,
	},
	{"postgres", "postgres/postgresql.conf", "postgres", "/etc/postgresql", "work_mem = 4MB", "work_mem = 5MB", func(t *testing.T, s *installation) (string, error) {
		t.Helper()
		return string(s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-At", "-c", "show work_mem")), nil
	}, "5MB", true},
	{"caddy", "caddy/Caddyfile", "caddy", "/etc/caddy", "There is nothing here.", "Nothing is here.", func(t *testing.T, s *installation) (string, error) {
		t.Helper()
		return string(s.get(t, "/metrics").body), nil
	}, "Nothing is here.", true},
	{
		"grafana", "grafana/provisioning/datasources/datasources.yaml", "grafana/provisioning", "/etc/grafana/provisioning", "maxLines: 1000", "maxLines: 999",
		func(t *testing.T, s *installation) (string, error) {
			t.Helper()
			var source struct{ JSONData struct{ MaxLines int } }
			err := s.grafana(t, "datasources/uid/loki", &source)
			return fmt.Sprint(source.JSONData.MaxLines), err
		}, "999", false,
	},
}

func logOf(service string) func(*testing.T, *installation) (string, error) {
	return func(t *testing.T, s *installation) (string, error) {
		t.Helper()
		return string(s.run(t, "logs", "--no-log-prefix", service)), nil
	}
}

func ask(service, url string) func(*testing.T, *installation) (string, error) {
	return func(t *testing.T, s *installation) (string, error) {
		t.Helper()
		out, err := s.command(t.Context(), "exec", "-T", service, "wget", "-q", "-O", "-", url).Output()
		return strings.ReplaceAll(string(out), `\n`, "\n"), err
	}
}

// changed gives each program a file of its own by an override, as local/compose.yml does, and then changes that.
func (s *installation) changed(t *testing.T) {
	s.worked(t)
	dir := t.TempDir()
	s.own(t, dir)
	t.Log(string(s.script(t, "rollout", "--no-build", "--interrupt")))
	for _, c := range changes {
		if !s.has(c.service) {
			fmt.Fprintln(os.Stderr, "NOT RUN: a changed file of", c.service)
			continue
		}
		step(t, "a changed file of "+c.service, func(t *testing.T) { s.change(t, dir, c) })
	}
	if out := string(s.script(t, "rollout", "--no-build")); strings.Contains(out, "replaced") || strings.Contains(out, "started") {
		t.Errorf("nothing had changed:\n%s", out)
	}
}

// own writes the override with copies of what is in deploy, until the test ends.
func (s *installation) own(t *testing.T, dir string) {
	t.Helper()
	shipped := s.environ
	t.Cleanup(func() {
		s.environ = shipped
		s.script(t, "rollout", "--no-build", "--interrupt")
	})
	override := "services:\n"
	for _, c := range changes {
		if !s.has(c.service) {
			continue
		}
		folder, _, _ := strings.Cut(c.file, "/")
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(whole(t, "deploy", folder))); err != nil {
			t.Fatal(err)
		}
		override += fmt.Sprintf("  %s: { volumes: [%q] }\n", c.service, filepath.Join(dir, c.mount)+":"+c.target+":ro")
	}
	// The collector says its limits only at this level.
	replaceIn(t, filepath.Join(dir, "otel-collector/config.yaml"), "level: warn", "level: info")
	file := filepath.Join(dir, "compose.yml")
	if err := os.WriteFile(file, []byte(override), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, variable := range s.environ {
		if strings.HasPrefix(variable, "COMPOSE_FILE=") {
			s.environ = slices.Clone(s.environ)
			s.environ[i] = variable + string(os.PathListSeparator) + file
		}
	}
}

func replaceIn(t *testing.T, file, old, instead string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return // The service is left out.
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q", file, old)
	}
	// In place: a mount of a file is one of its content, not of its name.
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, instead, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s *installation) change(t *testing.T, dir string, c change) {
	t.Helper()
	file := filepath.Join(dir, c.file)
	before := s.containers(t, c.service)
	replaceIn(t, file, c.old, c.new)
	out := string(s.script(t, "rollout", "--no-build"))
	after := s.containers(t, c.service)
	if slices.Equal(before, after) != c.stays {
		t.Errorf("container before %v, after %v:\n%s", before, after, out)
	}
	if c.shows != nil {
		eventually(t, "the process has the change", func() error {
			text, err := c.shows(t, s)
			if err == nil && !strings.Contains(text, c.want) {
				err = fmt.Errorf("%q is not in %s", c.want, text)
			}
			return err
		})
	}

	// A broken file is refused by its own program, and nothing is interrupted.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(slices.Clone(text), "\n}{ broken: [\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	refused, err := s.scriptCommand("rollout", "--no-build").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(refused), c.service+" refuses its new configuration") {
		t.Errorf("a broken file: %v\n%s", err, refused)
	}
	if now := s.containers(t, c.service); !slices.Equal(now, after) {
		t.Errorf("the container %v became %v", after, now)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// restartNeeded changes what Postgres reads only at its start: without --interrupt it is left, said, and the command fails.
func (s *installation) restartNeeded(t *testing.T) {
	dir := t.TempDir()
	s.own(t, dir)
	s.script(t, "rollout", "--no-build", "--interrupt")
	replaceIn(t, filepath.Join(dir, "postgres/postgresql.conf"), "max_connections = 80", "max_connections = 81")
	connections := func() string {
		return strings.TrimSpace(string(s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-At", "-c", "show max_connections")))
	}
	out, err := s.scriptCommand("rollout", "--no-build").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "LEFT AS IT WAS: max_connections") || connections() != "80" {
		t.Errorf("%v, %s connections:\n%s", err, connections(), out)
	}
	s.script(t, "rollout", "--no-build", "--interrupt")
	if n := connections(); n != "81" {
		t.Errorf("%s connections", n)
	}
}
