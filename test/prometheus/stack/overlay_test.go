//go:build stack

package stack

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// overlay makes the shipped files fit for one machine and a short test, by the rules below alone: hosts and ports become
// free ports of 127.0.0.1, folders become folders of the test, and time runs faster. What no rule touches is as shipped.
type overlay struct {
	t     *testing.T
	dir   string
	ports map[string]int // by "name:port" as the compose file has them
}

var (
	// tempo:4317, where one reaches another.
	peerAddress = regexp.MustCompile(`\b(api|realtime|postgres|otel-collector|tempo|loki|prometheus|alertmanager|grafana|caddy|(?:blackbox|node|postgres)-exporter):(\d{2,5})\b`)
	// 0.0.0.0:4317, and http_listen_port: 3200, where one listens itself.
	ownAddress = regexp.MustCompile(`\b0\.0\.0\.0:(\d{2,5})\b`)
	// Replicas, which Prometheus finds by their name: here is one of each.
	replicas = regexp.MustCompile(`dns_sd_configs:\n\s+- \{ names: \[(\w+)\], type: A, port: (\d+), .*\}`)
	ownPort  = regexp.MustCompile(`(?m)^(\s*(?:\w+_)?port: )(\d+)$`)
	ownHost  = regexp.MustCompile(`(?m)^(\s*(?:host|\w+_listen_address): )0\.0\.0\.0$`)
	folder   = regexp.MustCompile(`([\s"':])(/(?:var/tempo|loki|var/lib/otelcol|run/secrets))\b`)
)

// pace is how many times faster time runs in what is measured: a scrape every second, five minutes in 20 s. Rules that
// compare an amount with one hold for the shorter window, so a fault has to be that much denser.
const pace = 15

var (
	setting = regexp.MustCompile(`(?m)^(\s*(?:- )?(?:scrape_interval|evaluation_interval|collection_interval|metric_expiration|trace_idle_period|` +
		`flush_check_period|wait|interval|for|keep_firing_for|group_wait|group_interval|repeat_interval): )(\d+[smhd])$`)
	window = regexp.MustCompile(`(\[|\boffset )(\d+[smhd])\b`)
	// The step of a subquery, whose window is faster already.
	step = regexp.MustCompile(`(\[\d+ms:)(\d+[smhd])\b`)
	// A scrape may take its whole interval, because the machine may be busy.
	scrapeTimeout = regexp.MustCompile(`(?m)^(\s*scrape_timeout: )\d+s$`)
	// The rules of the objectives multiply by the seconds of their groups' interval.
	seconds = regexp.MustCompile(`(?m)(\) \* )(\d+)( >= \d+)$`)
)

// mail is the receiver that needs a mail server with TLS, which the test has none of.
var mail = regexp.MustCompile(`(?m)^ {4}email_configs:\n(?: {6}.*\n)+`)

// port is the free port that replaces a port of a service.
func (o *overlay) port(name string, port int) int {
	key := fmt.Sprintf("%s:%d", name, port)
	if o.ports[key] == 0 {
		o.ports[key] = loopback.Port(o.t)
	}
	return o.ports[key]
}

func (o *overlay) address(name string, port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port(name, port)))
}

func (o *overlay) url(name string, port int) string { return "http://" + o.address(name, port) }

// path is where a file or folder of the containers is on this machine.
func (o *overlay) path(inContainer string) string { return filepath.Join(o.dir, inContainer) }

// derive writes the file of a service for this test and returns its path.
func (o *overlay) derive(service, file string) string {
	o.t.Helper()
	text := o.apply(service, shipped.Text(o.t, filepath.Join(shipped.Deploy, file)))
	path := filepath.Join(o.dir, "etc", file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}

func (o *overlay) apply(service, text string) string {
	text = replicas.ReplaceAllString(text, `static_configs: [{ targets: ["$1:$2"] }]`)
	text = replace(peerAddress, text, func(m []string) string { return o.address(m[1], o.number(m[2])) })
	text = replace(ownAddress, text, func(m []string) string { return o.address(service, o.number(m[1])) })
	text = replace(ownPort, text, func(m []string) string { return m[1] + strconv.Itoa(o.port(service, o.number(m[2]))) })
	text = ownHost.ReplaceAllString(text, "${1}127.0.0.1")
	text = folder.ReplaceAllString(text, "${1}"+o.dir+"${2}")
	text = mail.ReplaceAllString(text, "")
	text = replace(setting, text, func(m []string) string { return m[1] + o.faster(m[2]) })
	text = replace(window, text, func(m []string) string { return m[1] + o.faster(m[2]) })
	text = replace(step, text, func(m []string) string { return m[1] + o.faster(m[2]) })
	text = scrapeTimeout.ReplaceAllString(text, "${1}1s")
	return replace(seconds, text, func(m []string) string { return m[1] + strconv.Itoa(o.number(m[2])/pace) + m[3] })
}

func replace(pattern *regexp.Regexp, text string, by func(match []string) string) string {
	return pattern.ReplaceAllStringFunc(text, func(s string) string { return by(pattern.FindStringSubmatch(s)) })
}

// faster is a duration like 15s or 30d at the test's pace.
func (o *overlay) faster(duration string) string {
	o.t.Helper()
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	last := len(duration) - 1
	d := time.Duration(o.number(duration[:last])) * units[duration[last]] / pace
	return fmt.Sprintf("%dms", d.Milliseconds())
}

func (o *overlay) number(s string) int {
	o.t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

// secret writes the file that replaces a secret of the containers.
func (o *overlay) secret(name, value string) {
	o.t.Helper()
	if err := os.MkdirAll(o.path("run/secrets"), 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(o.path("run/secrets/"+name), []byte(value+"\n"), 0o600); err != nil {
		o.t.Fatal(err)
	}
}
