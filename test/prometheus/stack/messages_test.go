//go:build stack

package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// trouble is what happens to an installation, and the messages that it must make: these and no others.
type trouble struct {
	name     string
	change   func(w *world, since time.Duration) // at each scrape, while it lasts
	messages []string                            // "FIRING name" or "RESOLVED name", in the order in which they come
}

// Times of the alerts' world, which runs at the test's pace.
const (
	lasts     = 7 * time.Minute  // long enough for every page
	longLasts = 17 * time.Minute // and for tickets
	after     = 12 * time.Minute // in which nothing may follow
)

func troubles() []trouble {
	return []trouble{
		{"Nothing happens", func(*world, time.Duration) {}, nil},
		{"Every api crashes again and again: it responds to one scrape in six, and has no name in between", func(w *world, since time.Duration) {
			turn := int(since/scrapeEvery) % 6
			w.replicas["driftsentry-api"] = []int{2, 2, 0, 0, 2, 0}[turn]
			w.silent["driftsentry-api"] = turn == 1 || turn == 4
			w.failing = true
		}, []string{"FIRING ServiceDown", "RESOLVED ServiceDown"}},
		{"One of two replicas of realtime is gone: its name is, too", func(w *world, _ time.Duration) { w.replicas["driftsentry-realtime"] = 1 },
			[]string{"FIRING ReplicasMissing"}},
		{"Postgres is away: no service is ready, users get 503", func(w *world, _ time.Duration) { w.postgres, w.ready, w.failing = false, false, true },
			[]string{"FIRING PostgresDown", "RESOLVED PostgresDown"}},
		{"The password of the exporter of Postgres is wrong", func(w *world, _ time.Duration) { w.postgres = false },
			[]string{"FIRING PostgresUnwatched"}},
		{"The edge returns 503, the services are well", func(w *world, _ time.Duration) { w.edge, w.failing = false, true },
			[]string{"FIRING EdgeUnreachable", "RESOLVED EdgeUnreachable"}},
		{"A flood of telemetry: the collector refuses, the services drop", func(w *world, _ time.Duration) { w.flood += 1000 },
			[]string{"FIRING CollectorRefuses"}},
	}
}

// TestMessages runs the shipped rules and routes in Prometheus and Alertmanager beside targets that come and go as names do, and
// compares the messages of each trouble. The targets are made up: they expose what the programs would. -update writes the table.
//
// Checked by breaking it: without the inhibition by PostgresDown, by ServiceDown, or by OutageKnown, messages are too many.
func TestMessages(t *testing.T) {
	found := installed.Programs(t, "prometheus", "alertmanager")
	var mu sync.Mutex
	rows := map[string]string{}
	t.Run("at once", func(t *testing.T) {
		for _, c := range troubles() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				list := c.run(t, found)
				var got []string
				for _, m := range list {
					got = append(got, m.title)
				}
				if !slices.Equal(got, c.messages) {
					t.Errorf("messages %q, want %q", got, c.messages)
				}
				mu.Lock()
				defer mu.Unlock()
				rows[c.name] = strings.Join(got, ", ")
			})
		}
	})
	table := doctable.Header("What happens", "Messages, in this order")
	for _, c := range troubles() {
		if rows[c.name] == "" {
			rows[c.name] = "none"
		}
		table += doctable.Row(c.name, rows[c.name])
	}
	doctable.Check(t, "docs/observability.md", "messages", table)
}

// run returns the messages in the order of their first arrival.
func (c trouble) run(t *testing.T, found map[string]string) []message {
	dir := t.TempDir()
	w := newWorld(t)
	in := startInbox(t)
	o := &overlay{t: t, dir: dir, ports: map[string]int{}}
	for name, url := range map[string]string{"slack_webhook_url": in.URL + "/slack", "alert_webhook_url": in.URL + "/webhook", "watchdog_webhook_url": in.URL + "/watchdog", "smtp_password": ""} {
		o.secret(name, url)
	}
	s := &system{overlay: o}
	config := s.derivePrometheus()
	text, _, _ := strings.Cut(shipped.Text(t, config), "\nscrape_configs:\n")
	text += "\nscrape_configs:\n"
	var jobs struct {
		List []struct {
			Name string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	shipped.YAML(t, filepath.Join(shipped.Deploy, "prometheus/prometheus.yml"), &jobs)
	for _, job := range jobs.List {
		if _, named := w.replicas[job.Name]; named || job.Name == "edge" {
			text += fmt.Sprintf("  - { job_name: %s, http_sd_configs: [{ url: '%s/sd/%[1]s', refresh_interval: 1s }] }\n", job.Name, w.URL)
			continue
		}
		text += fmt.Sprintf("  - { job_name: %s, metrics_path: /metrics/%[1]s/0, static_configs: [{ targets: ['%s'] }] }\n", job.Name, strings.TrimPrefix(w.URL, "http://"))
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	am := run(t, dir, "alertmanager", os.Environ(), found["alertmanager"], "--config.file="+o.derive("alertmanager", "alertmanager/alertmanager.notify.yml"),
		"--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+o.address("alertmanager", 9093), "--cluster.listen-address=")
	awaitOK(t, am, o.url("alertmanager", 9093)+"/-/ready")
	prom := run(t, dir, "prometheus", os.Environ(), found["prometheus"], "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+o.address("prometheus", 9090), "--web.external-url=http://localhost", "--web.route-prefix=/")
	awaitOK(t, prom, o.url("prometheus", 9090)+"/-/ready")

	// The world runs at the pace of its scrapes: what a busy machine delays, it delays for all.
	w.pass(t, 4*time.Minute, nil)
	long := lasts
	if len(c.messages) == 1 {
		long = longLasts
	}
	w.pass(t, long, c.change)
	if len(c.messages) != 1 { // Tickets resolve with their windows, later than anyone waits here.
		w.heal()
		w.pass(t, after, nil)
	}
	var list []message
	for _, m := range in.all() {
		if m.channel == "watchdog" && strings.Contains(m.text, `"status":"resolved"`) {
			t.Error("the dead man's switch got a message that says resolved")
		}
		if m.channel == "slack" {
			list = append(list, m)
		}
	}
	return list
}
