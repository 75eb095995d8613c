package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAttackThroughEdge goes through the edge that is shipped, by TLS: what hides behind a request reaches no service,
// an address that is made up is not believed, insiders' paths lead nowhere, browsers are told to come by TLS, and no
// credential is in the edge's log. Mutations in the Caddyfile: the log without its filter of Sec-Websocket-Protocol,
// Idempotency-Key or the query; `trusted_proxies static 0.0.0.0/0`; without the headers of @tls, includeSubDomains, or the
// headers of redirects, or with these not as defaults; `/health/*` passed on. /metrics is shut
// twice, by the edge and by the services in production, so that one alone is not missed here.
func TestAttackThroughEdge(t *testing.T) {
	caddy := installed.Programs(t, "caddy")["caddy"]
	p := startPair(t, pgtest.DSN(t), append(unlimited, "TRUSTED_PROXIES=127.0.0.0/8,::1/128")...)
	edge := p.startEdge(caddy)
	for name, rest := range ambiguous {
		t.Run(name, func(t *testing.T) { expectRefused(t, edge.converse(t, hiding(name, rest), 3)) })
	}
	secrets := map[string]string{}
	for _, name := range []string{"Authorization", "Cookie", "Idempotency-Key", "Sec-WebSocket-Protocol"} {
		secrets[name] = "edge-canary-" + random()
	}
	secrets["query"] = "edge-canary-" + random()
	for path, want := range map[string]int{"/api/v1/drifts": 401, "/health/live": 400, "/metrics": 404, "/grafana/metrics": 404, "/ws": 400, "/debug/pprof/": 404, "/debug/log-level": 404, "/debug/traces": 404, "/health/detailed": 404, "/health/": 404, "/health/live/../detailed": 404, "/health//detailed": 404} {
		answers := edge.converse(t, fmt.Sprintf("GET %s?token=%s&access_token=%s HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.66\r\nAuthorization: Bearer %s\r\n"+
			"Cookie: s=%s\r\nIdempotency-Key: %s\r\nSec-WebSocket-Protocol: driftsentry.v1, bearer.%s\r\nConnection: close\r\n\r\n",
			path, secrets["query"], secrets["query"], secrets["Authorization"], secrets["Cookie"], secrets["Idempotency-Key"], secrets["Sec-WebSocket-Protocol"]), 1)
		if len(answers) != 1 {
			t.Fatalf("%s: %d responses", path, len(answers))
		}
		h := answers[0].Header
		if answers[0].StatusCode != want && path != "/health/live" {
			t.Errorf("%s: %d, want %d", path, answers[0].StatusCode, want)
		}
		if h.Get("Strict-Transport-Security") != "max-age=31536000; includeSubDomains" || len(h["X-Content-Type-Options"]) != 1 || len(h["Content-Security-Policy"]) != 1 || h.Get("Server") != "" ||
			h.Get("Set-Cookie") != "" || !traceIDs.MatchString(h.Get("X-Correlation-ID")) {
			t.Errorf("%s: %v", path, h)
		}
	}
	redirect := edge.converse(t, "GET /grafana/d/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 1)
	if len(redirect) != 1 || redirect[0].StatusCode != http.StatusFound || redirect[0].Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(redirect[0].Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || redirect[0].Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", redirect)
	}
	if conn, err := edge.dial(t.Context(), tls.VersionTLS11); err == nil {
		_ = conn.Close()
		t.Error("the edge speaks TLS 1.1")
	}
	p.expectNothingSmuggled()
	for _, span := range p.sink.Spans() {
		if address := span.Attributes["client.address"]; span.Kind == otlpsink.KindServer && address != nil && address != "127.0.0.1" && address != "::1" {
			t.Errorf("client.address is %v", address)
		}
	}
	log := edge.stop(t)
	if !strings.Contains(log, "/api/v1/drifts") {
		t.Fatalf("the edge's log has no request in it:\n%s", log)
	}
	for name, secret := range secrets {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("%s is in the edge's log: …%s…", name, log[max(0, i-200):i])
		}
	}
}

// accessLog is the file of the access log in a Caddyfile.
var accessLog = regexp.MustCompile(`/[^ ]*/access\.log`)

// edge is Caddy with the configuration that is shipped.
type edge struct {
	access  string // the file with its requests
	address string
	cmd     *exec.Cmd
	mu      sync.Mutex
	log     bytes.Buffer
	ended   chan struct{}
}

// startEdge starts the edge before the pair, with a self-signed certificate.
func (p *pair) startEdge(program string) *edge {
	p.t.Helper()
	port := strconv.Itoa(loopback.Port(p.t))
	address := func(url string) []string { return []string{strings.TrimPrefix(url, "http://")} }
	config := shipped.Edge(p.t, address(p.apiURL), address(p.realtimeURL))
	dir := p.t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		p.t.Fatal(err)
	}
	e := &edge{address: "localhost:" + port, access: accessLog.FindString(config), ended: make(chan struct{})}
	e.cmd = exec.Command(program, "run", "--config", file, "--adapter", "caddyfile")
	e.cmd.Env = append(os.Environ(), "SITE_ADDRESS=https://"+e.address, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	out := &lockedWriter{mu: &e.mu, w: &e.log}
	e.cmd.Stdout, e.cmd.Stderr = out, out
	if err := e.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(e.ended)
		_ = e.cmd.Wait()
	}()
	p.t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		<-e.ended
	})
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		conn, err := e.dial(ctx, tls.VersionTLS13)
		if err == nil {
			_ = conn.Close()
			return e
		}
		select {
		case <-e.ended:
			p.t.Fatalf("the edge ended:\n%s", e.log.String())
		case <-ctx.Done():
			p.t.Fatalf("the edge never listened: %v", err)
		default:
		}
	}
}

// dial speaks TLS of the given version at most.
func (e *edge) dial(ctx context.Context, most uint16) (*tls.Conn, error) {
	// Its certificate is of its own making.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: "localhost", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: most}}
	conn, err := dialer.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

func (e *edge) converse(t *testing.T, text string, most int) []*http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := e.dial(ctx, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	return converseOn(ctx, t, conn, text, most)
}

// stop ends the edge and gives what it has logged.
func (e *edge) stop(t *testing.T) string {
	t.Helper()
	if err := e.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-e.ended
	access, err := os.ReadFile(e.access)
	if err != nil {
		t.Fatal(err)
	}
	return e.log.String() + string(access)
}
