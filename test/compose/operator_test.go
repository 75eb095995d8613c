//go:build compose

package compose

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
)

// healthy runs the doctor on the whole installation, and once more without its Postgres.
func (s *installation) healthy(t *testing.T) {
	out, err := s.scriptCommand("doctor").CombinedOutput()
	t.Logf("%s", out)
	if failed := strings.Contains(string(out), "FAILURE"); failed && s.has("otel-collector") || failed != (err != nil) {
		t.Errorf("%v", err)
	}
	for _, line := range []string{"ok       secrets ", "ok       edge ", "ok       database role ", "ok       collation            C.UTF-8 ", "ok       schema "} {
		if !strings.Contains(string(out), line) {
			t.Errorf("no line %q", line)
		}
	}
	s.run(t, "stop", "postgres")
	out, err = s.scriptCommand("doctor").CombinedOutput()
	s.run(t, "up", "-d", "--wait", "--no-deps", "postgres", "api", "realtime")
	if err == nil || !strings.Contains(string(out), "FAILURE  database ") || !strings.Contains(string(out), "deploy/compose ps postgres") {
		t.Errorf("without Postgres: %v\n%s", err, out)
	}
}

// logged looks in Loki for what the edge and Postgres write to files: a response of the edge by its ID, a slow statement by its text.
func (s *installation) logged(t *testing.T) {
	if !s.has("otel-collector") || !s.has("loki") || !s.has("grafana") {
		t.Skip("NOT RUN: no image of the collector, Loki or Grafana")
	}
	id := s.get(t, "/nothing").Error.TraceID
	s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-c", "select pg_sleep(1.1) as slow_canary")
	for query, want := range map[string]string{
		fmt.Sprintf(`{service_name="caddy"} | trace_id = %q`, id): "/nothing",
		`{service_name="postgres"} |= "duration"`:                 "slow_canary",
	} {
		eventually(t, query, func() error {
			var lines struct {
				Data struct{ Result []json.RawMessage }
			}
			err := s.grafana(t, "datasources/proxy/uid/loki/loki/api/v1/query_range?query="+url.QueryEscape(query), &lines)
			if err == nil && !strings.Contains(fmt.Sprintf("%s", lines.Data.Result), want) {
				return fmt.Errorf("no line with %q: %s", want, lines.Data.Result)
			}
			return err
		})
	}
}

// alerting asks for alerts at the edge: as a stranger, as a user who may look at dashboards, and as Grafana's administrator.
func (s *installation) alerting(t *testing.T) {
	if !s.has("grafana") || !s.has("alertmanager") {
		t.Skip("NOT RUN: no image of Grafana or Alertmanager")
	}
	site := fmt.Sprintf("http://localhost:%d/grafana/", s.board)
	basic := func(name, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
	}
	admin := basic("admin", s.secret("grafana_admin_password"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site+"api/admin/users", strings.NewReader(`{"name":"Viewer","login":"viewer","password":"the-password-of-a-viewer"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", admin)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("a viewer could not be made: %s", res.Status)
	}
	alerts := site + "alertmanager/api/v2/alerts"
	for who, c := range map[string]struct {
		authorization string
		want          int
	}{
		"nobody": {"", http.StatusUnauthorized}, "a viewer": {basic("viewer", "the-password-of-a-viewer"), http.StatusForbidden}, "the administrator": {admin, http.StatusOK},
	} {
		if a := get(t, http.DefaultClient, alerts, "Authorization", c.authorization); a.status != c.want || (a.status == http.StatusOK) != strings.HasPrefix(string(a.body), "[") {
			t.Errorf("%s: %d %s, want %d", who, a.status, a.body, c.want)
		}
	}
	noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if a := get(t, noRedirect, s.base()+"/alertmanager/"); a.status != http.StatusFound || a.header.Get("Location") != site+"alertmanager/" {
		t.Errorf("an old link: %d to %q", a.status, a.header.Get("Location"))
	}
}

// bundled makes a bundle, after a secret was printed where it must not be, and looks into it.
func (s *installation) bundled(t *testing.T) {
	s.worked(t)
	// What someone pastes into the wrong place: a password, in the log of Postgres.
	s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-c", "do $$ begin raise log '"+s.secret("grafana_admin_password")+"'; end $$")
	file, err := os.Open(strings.TrimSpace(string(s.script(t, "support-bundle", t.TempDir()))))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	parts := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := io.Copy(io.MultiWriter(&all, &text), archive); err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(path.Clean(header.Name), "/")
		parts[name] = text.String()
	}
	for name, want := range map[string]string{
		"versions.txt": version, "configuration.txt": "SITE_ADDRESS", "containers.txt": "postgres", "doctor.txt": "schema", "health-api.json": `"status":"healthy"`,
		"logs/api.txt": `"msg":"configuration"`, "logs/edge-access.txt": "handled request", "logs/postgres.json": "[masked]",
		"postgres/statements.txt": "calls", "postgres/settings.txt": "max_connections", "postgres/migrations.txt": "version_id", "machine.txt": "Mem:",
	} {
		if !strings.Contains(parts[name], want) {
			t.Errorf("%s has no %q:\n%.2000s", name, want, parts[name])
		}
	}
	if s.has("prometheus") && (!strings.Contains(parts["metrics/api.txt"], "target_info") || !strings.Contains(parts["alerts.json"], "Watchdog")) {
		t.Errorf("metrics %.500s, alerts %.500s", parts["metrics/api.txt"], parts["alerts.json"])
	}
	for value, secret := range s.generatedSecrets(t) {
		if strings.Contains(all.String(), value) {
			t.Errorf("the bundle shows %s", secret)
		}
	}
}
