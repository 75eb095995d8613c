//go:build compose

package compose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (s *installation) base() string { return fmt.Sprintf("http://127.0.0.1:%d", s.http) }

type answer struct {
	status int
	header http.Header
	body   []byte
	Error  struct{ Code, TraceID string }
}

func get(t *testing.T, client *http.Client, url string, headers ...string) answer {
	t.Helper()
	a, err := fetch(t.Context(), client, url, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fetch is get for other goroutines than the test's.
func fetch(ctx context.Context, client *http.Client, url string, headers ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return answer{}, err
	}
	_ = json.Unmarshal(a.body, &a) // Probes have no envelope.
	return a, nil
}

func (s *installation) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return get(t, http.DefaultClient, s.base()+path, headers...)
}

// expectEnvelope is for responses of the edge, which look like those of the api.
func (a answer) expectEnvelope(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.Error.Code != code {
		t.Errorf("%d %s, want %d %s", a.status, a.body, status, code)
	}
	if id := a.Error.TraceID; len(id) != 32 || id != a.header.Get("X-Correlation-ID") {
		t.Errorf("traceId %q, X-Correlation-ID %q", id, a.header.Get("X-Correlation-ID"))
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Server") != "" {
		t.Errorf("headers %v", a.header)
	}
}

func (s *installation) edge(t *testing.T) {
	for _, path := range []string{"/health/live", "/health/ready"} {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/metrics", "/metrics/", "/grafana/metrics", "/api/../metrics", "/debug/log-level", "/debug/pprof/", "/debug/traces", "/", "/health", "/health/detailed", "/health/live/../detailed"} {
		s.get(t, path).expectEnvelope(t, http.StatusNotFound, "NOT_FOUND")
	}
	s.get(t, "/api/v1/drifts").expectEnvelope(t, http.StatusUnauthorized, "AUTH_ERROR")
	// It is realtime that wants an upgrade.
	s.get(t, "/ws").expectEnvelope(t, http.StatusBadRequest, "VALIDATION_ERROR")
	if s.has("grafana") {
		// It has an origin of its own, to which old links lead.
		site := fmt.Sprintf("http://localhost:%d", s.board)
		if a := s.get(t, "/grafana/api/search"); a.status != http.StatusUnauthorized {
			t.Errorf("Grafana lets anyone in: %d %s", a.status, a.body)
		}
		if a := get(t, http.DefaultClient, site+"/grafana/metrics"); a.status != http.StatusNotFound {
			t.Errorf("Grafana's metrics: %d", a.status)
		}
		if a := get(t, http.DefaultClient, site+"/grafana/login"); a.status != http.StatusOK || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("the page for signing in: %d, %v", a.status, a.header)
		}
		if a := get(t, http.DefaultClient, site+"/api/v1/drifts"); a.status != http.StatusNotFound {
			t.Errorf("the API has Grafana's origin: %d", a.status)
		}
	}
}

func (s *installation) away(t *testing.T) {
	s.run(t, "stop", "api")
	var replicas []struct{ State struct{ ExitCode int } }
	inspect(t, &replicas, s.containers(t, "api")...)
	for _, api := range replicas {
		if code := api.State.ExitCode; code != 0 {
			t.Errorf("an api ended with %d", code)
		}
	}
	a := s.get(t, "/api/v1/drifts")
	a.expectEnvelope(t, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
	if a.header.Get("Retry-After") == "" {
		t.Error("the edge's 503 has no Retry-After")
	}
	s.run(t, "up", "-d", "--wait", "api")
	if a := s.get(t, "/health/ready"); a.status != http.StatusOK {
		t.Errorf("after its return: %d %s", a.status, a.body)
	}
}

// tls gives the edge a name. No authority certifies localhost, so Caddy does it itself; the rest is as with a real
// name.
func (s *installation) tls(t *testing.T) {
	const name = "localhost"
	s.environ = append(s.environ, "SITE_ADDRESS="+name)
	s.run(t, "up", "-d", "--wait", "--no-deps", "caddy")

	var authority []byte
	eventually(t, "Caddy's own authority", func() (err error) {
		authority, err = s.command(t.Context(), "exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt").Output()
		return err
	})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatalf("no certificate: %s", authority)
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				port := s.http
				if strings.HasSuffix(address, ":443") {
					port = s.https
				}
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			},
		},
	}
	if a := get(t, client, "http://"+name+"/health/live"); a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "https://"+name+"/health/live" {
		t.Errorf("plain HTTP: %d, Location %q", a.status, a.header.Get("Location"))
	}
	a := get(t, client, "https://"+name+"/health/live")
	if a.status != http.StatusOK || a.header.Get("Strict-Transport-Security") == "" {
		t.Errorf("TLS: %d %v", a.status, a.header)
	}
	get(t, client, "https://"+name+"/metrics").expectEnvelope(t, http.StatusNotFound, "NOT_FOUND")
}
