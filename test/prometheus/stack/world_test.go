//go:build stack

package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// scrapeEvery is the interval of prometheus.yml, before the test's pace.
const scrapeEvery = 15 * time.Second

// world is what the Prometheus of TestMessages watches: a discovery by name, which changes, and the metrics of every target. The names are files,
// which a busy machine reads late; it may take a slow response for none.
type world struct {
	*httptest.Server
	t      *testing.T
	dir    string // of the names, by job
	mu     sync.Mutex
	ticked chan struct{} // one for each scrape of a target that every place has, which is this world's clock
	past   time.Duration // what has passed by it
	// stalled says that scrapes were late by more than an alert waits for another.
	stalled bool

	replicas              map[string]int  // by job, as its name leads to them
	silent                map[string]bool // jobs whose replicas do not respond
	postgres, ready, edge bool
	failing               bool    // requests end with a 503
	flood                 float64 // items that the collector refused and the services dropped
	good, bad             float64
	age                   time.Duration // of an event that realtime could not read
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), ticked: make(chan struct{}, 1000), replicas: map[string]int{"driftsentry-api": 2, "driftsentry-realtime": 2}}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	w.heal()
	return w
}

// heal makes everything well, except what has been counted.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replicas = map[string]int{"driftsentry-api": 2, "driftsentry-realtime": 2}
	w.silent, w.postgres, w.ready, w.edge, w.failing = map[string]bool{}, true, true, true, false
	w.announce()
}

func (w *world) now() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.past
}

// pass waits for so much time of the rules, and calls change after each of its scrapes.
func (w *world) pass(t *testing.T, long time.Duration, change func(w *world, since time.Duration)) {
	t.Helper()
	last := time.Now()
	for since := time.Duration(0); since < long; since += scrapeEvery {
		select {
		case <-w.ticked:
			w.stalled = w.stalled || w.past > 0 && time.Since(last) > 2*scrapeEvery/pace
			last = time.Now()
		case <-time.After(patience):
			t.Fatal("Prometheus does not scrape")
		}
		w.mu.Lock()
		w.past += scrapeEvery
		if change != nil {
			change(w, since)
			w.announce()
		}
		if w.age += scrapeEvery; w.ready {
			w.age = 0
		}
		if w.failing {
			w.bad += 20
		} else {
			w.good += 20
		}
		w.mu.Unlock()
	}
}

func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	job, number, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/metrics/"), "/")
	if job == "edge" && number == "0" {
		select {
		case w.ticked <- struct{}{}:
		default:
		}
	}
	if n, err := strconv.Atoi(number); w.silent[job] || err == nil && w.replicas[job] <= n && (job == "driftsentry-api" || job == "driftsentry-realtime") {
		http.Error(out, "it crashes", http.StatusServiceUnavailable)
		return
	}
	out.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprint(out, w.metrics(job, number))
}

// announce writes what a look-up of each job's name returns.
func (w *world) announce() {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	for job, n := range map[string]int{"driftsentry-api": w.replicas["driftsentry-api"], "driftsentry-realtime": w.replicas["driftsentry-realtime"], "edge": 2} {
		list := []group{}
		for i := range n {
			labels := map[string]string{"__metrics_path__": fmt.Sprintf("/metrics/%s/%d", job, i), "instance": fmt.Sprintf("%s-%d", job, i)}
			if job == "edge" {
				labels["probe"], labels["site"] = []string{"api", "realtime"}[i], "_other"
			}
			list = append(list, group{[]string{strings.TrimPrefix(w.URL, "http://")}, labels})
		}
		text, err := json.Marshal(list)
		if err != nil {
			w.t.Error(err)
		}
		path := filepath.Join(w.dir, job+".json")
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			continue
		}
		// A reader sees the old list or the new one.
		if err := errors.Join(os.WriteFile(path+".part", text, 0o600), os.Rename(path+".part", path)); err != nil {
			w.t.Error(err)
		}
	}
}

// metrics are those that rules read, as the programs expose them.
func (w *world) metrics(job, number string) string {
	is := func(yes bool) int {
		if yes {
			return 1
		}
		return 0
	}
	now := float64(time.Now().Unix())
	switch job {
	case "driftsentry-api":
		return fmt.Sprintf("driftsentry_ready %d\ndriftsentry_replicas_configured 2\ndriftsentry_workspaces{status=\"stale\"} 0\n"+
			"http_requests_total{path=\"/api/v1/drifts\",status=\"200\"} %g\nhttp_requests_total{path=\"/api/v1/drifts\",status=\"503\"} %g\n"+
			"errors_total{code=\"SERVICE_UNAVAILABLE\",path=\"/api/v1/drifts\"} %g\notel_sdk_processor_span_processed_total{error_type=\"queue_full\"} %g\n",
			is(w.ready), w.good, w.bad*float64(is(!w.ready)), w.bad*float64(is(!w.ready)), w.flood)
	case "driftsentry-realtime":
		return fmt.Sprintf("driftsentry_ready %d\ndriftsentry_replicas_configured 2\ndriftsentry_realtime_listening %d\ndriftsentry_realtime_stream_age_seconds %g\n"+
			"driftsentry_realtime_handshakes_total{outcome=\"accepted\"} %g\ndriftsentry_realtime_handshakes_total{outcome=\"unavailable\"} %g\n",
			is(w.ready), is(w.ready), w.age.Seconds(), w.good, w.bad*float64(is(!w.ready)))
	case "caddy":
		labels := "server=\"srv0\",handler=\"subroute\",site=\"_other\",method=\"GET\""
		return fmt.Sprintf("caddy_http_request_duration_seconds_count{%s,code=\"200\"} %g\ncaddy_http_request_duration_seconds_count{%s,code=\"503\"} %g\ncaddy_config_last_reload_successful 1\n",
			labels, w.good, labels, w.bad)
	case "edge":
		return fmt.Sprintf("probe_success %d\n", is(w.edge && w.ready && w.replicas["driftsentry-api"] > 0 && !w.silent["driftsentry-api"] || number == "1" && w.edge && w.ready))
	case "postgres-exporter":
		return fmt.Sprintf("pg_up %d\n", is(w.postgres))
	case "otel-collector":
		return fmt.Sprintf("otelcol_receiver_refused_spans_total{receiver=\"otlp\"} %g\n", w.flood)
	case "backup":
		return fmt.Sprintf("driftsentry_backup_last_success_timestamp_seconds %g\ndriftsentry_backup_last_verified_timestamp_seconds %[1]g\ndriftsentry_restore_drill_last_success_timestamp_seconds %[1]g\n", now)
	default:
		return "something 1\n"
	}
}
