package observability

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/polling"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// TestEdgeKeepAlive: the edge closes a connection to a replica that no one uses sooner than a replica that drains does. So no request is sent
// over one that is being closed: a POST that was is lost, because no edge may repeat it. Mutations: no keepalive in the Caddyfile, whose
// default is two minutes; one of 5s.
func TestEdgeKeepAlive(t *testing.T) {
	find := func(file, pattern string) time.Duration {
		t.Helper()
		match := regexp.MustCompile(pattern).FindStringSubmatch(shipped.Text(t, file))
		if match == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		d, err := time.ParseDuration(match[1])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	keeps := find(shipped.Deploy+"/caddy/Caddyfile", `(?m)^\t\tkeepalive (\S+)$`)
	if drains := find(shipped.Deploy+"/../.env.example", `(?m)^#SHUTDOWN_DRAIN_DELAY=(\S+)$`); keeps > drains-time.Second {
		t.Errorf("the edge keeps connections for %s, and a replica drains for %s", keeps, drains)
	}
}

// TestEdgeSeries asks the shipped Caddyfile, in a real Caddy, for a service that is away, and finds the 503 in the series that the objectives
// of the edge read: for a site with a name and for one that is only a port. Mutations: no per_host in the Caddyfile; no site among the
// relabeling of prometheus.yml; handler="vars" in the objectives, as in their first version.
func TestEdgeSeries(t *testing.T) {
	caddy := installed.Programs(t, "caddy")["caddy"]
	for name, address := range map[string]string{"a port": "http://:%d", "a name": "https://localhost:%d"} {
		t.Run(name, func(t *testing.T) {
			dir, site := t.TempDir(), fmt.Sprintf(address, loopback.Port(t))
			text := shipped.Edge(t, []string{"127.0.0.1:1"}, []string{"127.0.0.1:1"})
			metrics := regexp.MustCompile(`servers (:\d+) \{\n\t\tname metrics`).FindStringSubmatch(text)
			file := filepath.Join(dir, "Caddyfile")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil || metrics == nil {
				t.Fatal(err, metrics)
			}
			cmd := exec.Command(caddy, "run", "--adapter", "caddyfile", "--config", file)
			cmd.Env = append(os.Environ(), "SITE_ADDRESS="+site, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			log, err := os.Create(filepath.Join(dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			p, err := child.Start("caddy", cmd, log)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Kill)
			// The authority is Caddy's own.
			client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			get := func(ctx context.Context, url string, want int) (string, error) {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
				if err != nil {
					return "", err
				}
				resp, err := client.Do(req)
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				if resp.StatusCode != want {
					return "", fmt.Errorf("%s: %s", url, resp.Status)
				}
				body, err := io.ReadAll(resp.Body)
				return string(body), err
			}
			url := strings.Replace(site, "//:", "//localhost:", 1) + "/api/v1/drifts"
			polling.Until(t, "the edge returns 503", 2*time.Minute, 100*time.Millisecond, func(ctx context.Context) error {
				_, err := get(ctx, url, http.StatusServiceUnavailable)
				return err
			})
			body, err := get(t.Context(), "http://localhost"+metrics[1]+"/metrics", http.StatusOK)
			if err != nil {
				t.Fatal(err)
			}
			series := relabelled(t, body, "_other")
			if name == "a name" {
				series = relabelled(t, body, "localhost")
			}
			for _, s := range edgeSelectors(t) {
				if n := count(series, s); n != 1 {
					t.Errorf("%s selects %d series of\n%v", s, n, series)
				}
			}
		})
	}
}

// edgeSelectors are what the objective of availability reads of Caddy.
func edgeSelectors(t *testing.T) (list []*parser.VectorSelector) {
	t.Helper()
	var rules struct{ Groups []shipped.Group }
	shipped.YAML(t, filepath.Join(shipped.Deploy, "prometheus/rules/compose/edge-availability.yml"), &rules)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			for _, s := range selectors(t, r.Expr) {
				if s.Name == "caddy_http_request_duration_seconds_count" {
					list = append(list, s)
				}
			}
		}
	}
	if len(list) == 0 {
		t.Fatal("the objective of the edge reads nothing of Caddy")
	}
	return list
}

// relabelled are the series of /metrics with the labels that prometheus.yml gives them, as far as they are of the site.
func relabelled(t *testing.T, body, site string) (all []map[string]string) {
	t.Helper()
	var config struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Relabel []struct {
				Regex  string
				Target string `yaml:"target_label"`
			} `yaml:"metric_relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	shipped.YAML(t, filepath.Join(shipped.Deploy, "prometheus/prometheus.yml"), &config)
	var host *regexp.Regexp
	for _, job := range config.Jobs {
		for _, r := range job.Relabel {
			if job.Name == "caddy" && r.Target == "site" {
				host = regexp.MustCompile("^(?:" + r.Regex + ")$")
			}
		}
	}
	if host == nil {
		t.Fatal("prometheus.yml gives the metrics of Caddy no label site")
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families["caddy_http_request_duration_seconds"].GetMetric() {
		one := map[string]string{"__name__": "caddy_http_request_duration_seconds_count", "job": "caddy"}
		for _, l := range m.GetLabel() {
			one[l.GetName()] = l.GetValue()
		}
		if found := host.FindStringSubmatch(one["host"]); len(found) > 1 && found[1] == site {
			all = append(all, one)
		}
	}
	return all
}

func count(series []map[string]string, s *parser.VectorSelector) (n int) {
	for _, one := range series {
		matches := true
		for _, m := range s.LabelMatchers {
			matches = matches && m.Matches(one[m.Name])
		}
		if matches {
			n++
		}
	}
	return n
}
