//go:build stack

package stack

import (
	"cmp"
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
	place    string                              // whose rules and targets there are; compose when empty
	change   func(w *world, since time.Duration) // at each scrape, while it lasts
	messages []expected                          // in the order in which they come
}

// expected is a message "FIRING name", after at most so long since the trouble began, or "RESOLVED name", since it ended.
type expected struct {
	title string
	after time.Duration
}

// Times of the alerts' world, which runs at the test's pace.
const (
	before    = 4 * time.Minute
	lasts     = 7 * time.Minute  // long enough for every page
	longLasts = 17 * time.Minute // and for tickets
	after     = 12 * time.Minute // in which nothing may follow
)

func troubles() []trouble {
	quiet := func(*world, time.Duration) {}
	return []trouble{
		{"Nothing happens", "", quiet, nil},
		{"Every api crashes again and again: it responds to one scrape in six, and has no name in between", "", func(w *world, since time.Duration) {
			turn := int(since/scrapeEvery) % 6
			w.replicas["driftsentry-api"] = []int{2, 2, 0, 0, 2, 0}[turn]
			w.silent["driftsentry-api"] = turn == 1 || turn == 4
			w.failing = true
		}, pages("ServiceDown", 4*time.Minute)},
		{"One of two replicas of realtime is gone, and its name with it", "", func(w *world, _ time.Duration) { w.replicas["driftsentry-realtime"] = 1 },
			[]expected{{"FIRING ReplicasMissing", 13 * time.Minute}}},
		{"Postgres is away: no service is ready, users get 503", "", func(w *world, _ time.Duration) { w.postgres, w.ready, w.failing = false, false, true },
			pages("PostgresDown", 3*time.Minute)},
		{"The password of the exporter of Postgres is wrong", "", func(w *world, _ time.Duration) { w.postgres = false },
			[]expected{{"FIRING PostgresUnwatched", 10 * time.Minute}}},
		{"The edge returns 503, the services are well", "", func(w *world, _ time.Duration) { w.edge, w.failing = false, true },
			pages("EdgeUnreachable", 4*time.Minute)},
		{"Caddy does not run", "", func(w *world, _ time.Duration) { w.edge, w.silent["caddy"] = false, true },
			pages("EdgeDown", 3*time.Minute)},
		{"A flood of telemetry: the collector refuses, the services drop", "", func(w *world, _ time.Duration) { w.flood += 1000 },
			[]expected{{"FIRING CollectorRefuses", 8 * time.Minute}}},
		{"On Kubernetes, nothing happens", shipped.Kubernetes, quiet, nil},
		{"On Kubernetes, Postgres is away", shipped.Kubernetes, func(w *world, _ time.Duration) { w.ready, w.failing = false, true },
			pages("ServiceNotReady", 4*time.Minute)},
	}
}

// pages are the messages of an outage that ends: Alertmanager looks every five minutes whether an alert has ended.
func pages(alert string, after time.Duration) []expected {
	return []expected{{"FIRING " + alert, after}, {"RESOLVED " + alert, 9 * time.Minute}}
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
				list, steady := c.run(t, found)
				for try := 1; !steady && try < 3; try++ {
					t.Log("this machine stood still for seconds, which are minutes of the rules: once more")
					list, steady = c.run(t, found)
				}
				row := c.compare(t, list)
				mu.Lock()
				defer mu.Unlock()
				rows[c.name] = row
			})
		}
	})
	if t.Failed() {
		return // Nothing to write.
	}
	table := doctable.Header("What happens", "Messages, in this order, after at most")
	for _, c := range troubles() {
		table += doctable.Row(c.name, rows[c.name])
	}
	doctable.Check(t, "docs/observability.md", "messages", table)
}

// compare returns what the table says of the messages.
func (c trouble) compare(t *testing.T, list []message) string {
	t.Helper()
	var got, want, row []string
	for _, m := range list {
		got = append(got, m.title)
	}
	for _, e := range c.messages {
		want = append(want, e.title)
		row = append(row, fmt.Sprintf("%s (%d min)", e.title, int(e.after.Minutes())))
	}
	if !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
		return strings.Join(got, ", ")
	}
	for i, e := range c.messages {
		since := list[i].at - before
		if strings.HasPrefix(e.title, "RESOLVED") {
			since -= lasts
		}
		t.Logf("%s came after %s", e.title, since)
		if since > e.after {
			t.Errorf("%s came after %s, want at most %s", e.title, since, e.after)
		}
	}
	if len(row) == 0 {
		return "none"
	}
	return strings.Join(row, ", ")
}

// run returns the messages in the order of their first arrival, and whether the scrapes came in time.
func (c trouble) run(t *testing.T, found map[string]string) (list []message, steady bool) {
	t.Helper()
	dir := t.TempDir()
	w := newWorld(t)
	in := startInbox(t)
	in.clock = w.now
	o := &overlay{t: t, dir: dir, ports: map[string]int{}}
	for name, url := range map[string]string{"slack_webhook_url": in.URL + "/slack", "alert_webhook_url": in.URL + "/webhook", "watchdog_webhook_url": in.URL + "/watchdog", "smtp_password": ""} {
		o.secret(name, url)
	}
	s := &system{overlay: o}
	place := cmp.Or(c.place, shipped.Compose)
	config := s.derivePrometheus(place)
	text, _, _ := strings.Cut(shipped.Text(t, config), "\nscrape_configs:\n")
	text += "\nscrape_configs:\n"
	for _, job := range shipped.Jobs(t, place) {
		if _, named := w.replicas[job]; named || job == "edge" {
			text += fmt.Sprintf("  - { job_name: %s, file_sd_configs: [{ files: ['%s/%[1]s.json'], refresh_interval: 1s }] }\n", job, w.dir)
			continue
		}
		text += fmt.Sprintf("  - { job_name: %s, metrics_path: /metrics/%[1]s/0, static_configs: [{ targets: ['%s'] }] }\n", job, strings.TrimPrefix(w.URL, "http://"))
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
	w.pass(t, before, nil)
	long := lasts
	if len(c.messages) == 1 {
		long = longLasts
	}
	w.pass(t, long, c.change)
	if len(c.messages) != 1 { // Tickets resolve with their windows, later than anyone waits here.
		w.heal()
		w.pass(t, after, nil)
	}
	for _, m := range in.all() {
		if m.channel == "watchdog" && strings.Contains(m.text, `"status":"resolved"`) {
			t.Error("the dead man's switch got a message that says resolved")
		}
		if m.channel == "slack" {
			list = append(list, m)
		}
	}
	return list, !w.stalled
}
