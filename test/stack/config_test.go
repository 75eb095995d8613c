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
)

// deploy is where the shipped configuration lies.
const deploy = "../../deploy"

// loopback makes the shipped files fit for one machine, by rule alone: hosts and ports become free ports of 127.0.0.1,
// folders become folders of the test, and intervals become a second.
type loopback struct {
	t     *testing.T
	dir   string
	ports map[string]int // by "name:port" as the compose file has them
}

var (
	// tempo:4317, where one reaches another.
	peerAddress = regexp.MustCompile(`\b(api|realtime|postgres|otel-collector|tempo|loki|prometheus|alertmanager|grafana|caddy):(\d{2,5})\b`)
	// 0.0.0.0:4317, and http_listen_port: 3200, where one listens itself.
	ownAddress = regexp.MustCompile(`\b0\.0\.0\.0:(\d{2,5})\b`)
	ownPort    = regexp.MustCompile(`(?m)^(\s*(?:\w+_)?port: )(\d+)$`)
	ownHost    = regexp.MustCompile(`(?m)^(\s*(?:host|\w+_listen_address): )0\.0\.0\.0$`)
	folder     = regexp.MustCompile(`([\s"':])(/(?:var/tempo|loki|var/lib/otelcol|run/secrets))\b`)
	interval   = regexp.MustCompile(`(?m)^(\s*(?:scrape_interval|scrape_timeout|evaluation_interval|collection_interval|trace_idle_period|flush_check_period|flush_timeout|wait): )\d+m?s$`)
)

// port is the free port that stands for a port of a service.
func (l *loopback) port(name string, port int) int {
	key := fmt.Sprintf("%s:%d", name, port)
	if l.ports[key] == 0 {
		l.ports[key] = freePort(l.t)
	}
	return l.ports[key]
}

func (l *loopback) address(name string, port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.port(name, port)))
}

func (l *loopback) url(name string, port int) string { return "http://" + l.address(name, port) }

// path is where a file or folder of the containers lies here.
func (l *loopback) path(inContainer string) string { return filepath.Join(l.dir, inContainer) }

// derive writes the file of a service for this machine and gives its path.
func (l *loopback) derive(service, file string) string {
	l.t.Helper()
	shipped, err := os.ReadFile(filepath.Join(deploy, file))
	if err != nil {
		l.t.Fatal(err)
	}
	text := peerAddress.ReplaceAllStringFunc(string(shipped), func(s string) string {
		m := peerAddress.FindStringSubmatch(s)
		return l.address(m[1], l.number(m[2]))
	})
	text = ownAddress.ReplaceAllStringFunc(text, func(s string) string {
		return l.address(service, l.number(ownAddress.FindStringSubmatch(s)[1]))
	})
	text = ownPort.ReplaceAllStringFunc(text, func(s string) string {
		m := ownPort.FindStringSubmatch(s)
		return m[1] + strconv.Itoa(l.port(service, l.number(m[2])))
	})
	text = ownHost.ReplaceAllString(text, "${1}127.0.0.1")
	text = folder.ReplaceAllString(text, "${1}"+l.dir+"${2}")
	text = interval.ReplaceAllString(text, "${1}1s")

	path := filepath.Join(l.dir, "etc", file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

func (l *loopback) number(s string) int {
	l.t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
