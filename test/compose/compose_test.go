//go:build compose

package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/polling"
)

func TestCompose(t *testing.T) {
	s := install(t)
	if len(s.left) > 0 {
		fmt.Fprintf(os.Stderr, "LEFT OUT, because their images are not available: %s\n", strings.Join(s.left, ", "))
	}
	for _, other := range s.instead {
		fmt.Fprintln(os.Stderr, "ANOTHER VERSION:", other)
	}
	step(t, "the images are small, stamped, and run by a non-root user", s.images)
	step(t, "no container may more than it must", s.confined)
	step(t, "the edge serves only what is for users", s.edge)
	step(t, "a drift is decided and a socket gets the event, through the edge", s.work)
	step(t, "Grafana has the dashboards, and behind it are the trace, its log and every target", s.observed)
	step(t, "the whole stack fits into 2 GiB at rest", s.modest)
	step(t, "a changed file is applied, and a broken one refused", s.changed)
	step(t, "what needs a restart is left and said, or done when asked for", s.restartNeeded)
	step(t, "the doctor finds nothing that must be mended", s.healthy)
	step(t, "an edge error and a slow statement are in Loki", s.logged)
	step(t, "Alertmanager is for those who administer Grafana", s.alerting)
	step(t, "the first hour goes as its page says", s.firstHour)
	step(t, "a support bundle has everything but secrets", s.bundled)
	step(t, "a restore removes later data", s.restored)
	step(t, "a backup that is broken changes nothing", s.unrestorable)
	step(t, "a restore to the moment before a bad statement brings back what users saw", s.rewound)
	step(t, "a drill finds what a backup lacks", s.drilled)
	step(t, "the services log no error", s.quiet)
	step(t, "no container, log or image shows a secret", s.discreet)
	step(t, "a version that does not start is not rolled out, without an outage", s.unhealthy)
	step(t, "a version, and NATS, are rolled out without an outage", s.rolledOut)
	step(t, "the services' passwords in the database are changed without an outage", s.rotated)
	step(t, "the new version does not show a secret either", s.discreet)
	step(t, "the api ends on SIGTERM, and the edge responds instead", s.away)
	step(t, "the edge speaks TLS for a name", s.tls)
}

// TestVariables: a variable missing in .env is named, with the value to set.
func TestVariables(t *testing.T) {
	engine(t)
	all := map[string]string{"SITE_ADDRESS": ":80", "PUBLIC_URL": "http://localhost", "SECRETS_DIR": "./secrets"}
	for name := range all {
		t.Run(name, func(t *testing.T) {
			s := &installation{t: t, environ: []string{"COMPOSE_FILE=" + whole(t, "docker-compose.prod.yml"), "COMPOSE_ENV_FILES=" + os.DevNull}}
			for _, variable := range os.Environ() {
				if key, _, _ := strings.Cut(variable, "="); all[key] == "" {
					s.environ = append(s.environ, variable)
				}
			}
			for key, value := range all {
				if key != name {
					s.environ = append(s.environ, key+"="+value)
				}
			}
			out, err := s.command(t.Context(), "config", "--quiet").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "set "+name+" in .env to ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestVariables_reach: each variable of .env.example that is set in .env reaches its service, without a change of a tracked file.
// Mutation: without JWT_EXPIRY in docker-compose.prod.yml.
func TestVariables_reach(t *testing.T) {
	composed(t)
	example, err := os.ReadFile(whole(t, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	env, wanted := "SITE_ADDRESS=:80\nSECRETS_DIR=./secrets\n", map[string]string{}
	// The places inside of the containers, and what is for development alone.
	inside := []string{"HOST", "PORT", "METRICS_PORT", "CRASH_DIR", "TRUSTED_PROXIES", "REPLICAS", "TRACE_SOURCE_URL"}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(string(example), -1) {
		name, value := m[1], "canary-of-"+strings.ToLower(m[1])
		switch {
		case slices.Contains(inside, name):
			continue
		case slices.Contains([]string{"NATS_URL", "NATS_CREDENTIALS", "NATS_CA", "NATS_CERTIFICATE", "NATS_KEY"}, name):
			name += "_FILE"
		}
		env += name + "=" + value + "\n"
		wanted[name] = value
	}
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(env), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &installation{t: t, environ: append(os.Environ(), "COMPOSE_FILE="+whole(t, "docker-compose.prod.yml"), "COMPOSE_ENV_FILES="+file)}
	var config struct {
		Services map[string]struct{ Environment map[string]*string }
	}
	if err := json.Unmarshal(s.run(t, "config", "--format", "json"), &config); err != nil {
		t.Fatal(err)
	}
	for name, value := range wanted {
		reached := false
		for _, service := range []string{"api", "realtime"} {
			environment := config.Services[service].Environment
			got := environment[name]
			// A secret is a file, which no variable of .env may replace.
			secret := environment[name+"_FILE"] != nil && strings.HasPrefix(*environment[name+"_FILE"], "/run/secrets/")
			reached = reached || secret || got != nil && strings.HasPrefix(*got, value)
		}
		if !reached {
			t.Errorf("%s reaches no service", name)
		}
	}
}

// composed skips the test where there is no compose; an engine is not needed.
func composed(t *testing.T) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "docker", "compose", "version").Run(); err != nil {
		t.Skip("NOT RUN: no docker compose")
	}
}

// quiet reads what the services have printed so far.
func (s *installation) quiet(t *testing.T) {
	for line := range strings.Lines(string(s.run(t, "logs", "--no-log-prefix", "api", "realtime", "migrate"))) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Level == "error" || entry.Level == "fatal" {
			t.Errorf("%s", line)
		}
	}
}

func (s *installation) has(service string) bool { return !slices.Contains(s.left, service) }

// eventually repeats a check until it returns no error. Other programs work at their own speed, so it can only poll.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	polling.Until(t, what, 2*time.Minute, 500*time.Millisecond, func(context.Context) error { return try() })
}
