package security

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// part is what a text has between two lines.
func part(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+from)
	body, _, ended := strings.Cut(rest, "\n"+to)
	if !ok || !ended {
		t.Fatalf("no part from %q to %q", from, to)
	}
	return body
}

// TestAttackSharedOrigin: Grafana, whose dashboards run scripts and which others may edit, has no origin in common with the API, no
// network in common with the services, and cookies that no other page sends. The services believe the edge's address alone, and
// Prometheus, which takes series from all who reach it, is in networks alone that lead nowhere. Mutations: Grafana's
// reverse_proxy in the site of the API; grafana in the network edge; a setting left out; EDGE_SUBNET trusted; prometheus in edge.
func TestAttackSharedOrigin(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(doctable.Root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	caddy, compose := read("deploy/caddy/Caddyfile"), read("docker-compose.prod.yml")
	if site := part(t, caddy, "{$SITE_ADDRESS} {", "}\n"); strings.Contains(site, "grafana:3000") || !strings.Contains(site, "redir @dashboards {$GRAFANA_URL") {
		t.Error("the site of the API serves Grafana")
	}
	if site := part(t, caddy, "{$GRAFANA_SITE::3000} {", "}\n"); !strings.Contains(site, "reverse_proxy grafana:3000") || strings.Contains(site, "replicas") {
		t.Error("the site of Grafana serves something else")
	}
	grafana := part(t, compose, "  grafana:\n", "  caddy:\n")
	for _, want := range []string{
		`GF_SECURITY_COOKIE_SECURE: "true"`, "GF_SECURITY_COOKIE_SAMESITE: lax", `GF_SECURITY_CONTENT_SECURITY_POLICY: "true"`,
		"GF_SECURITY_SECRET_KEY__FILE: /run/secrets/grafana_secret_key", "networks: [edge-grafana, stores]",
	} {
		if !strings.Contains(grafana, want) {
			t.Errorf("grafana has no %s", want)
		}
	}
	address := regexp.MustCompile(`\$\{EDGE_ADDRESS:-[0-9.]+\}`).FindString(part(t, compose, "  caddy:\n", "# Which containers"))
	if address == "" || !strings.Contains(compose, "TRUSTED_PROXIES: "+address+"/32\n") {
		t.Errorf("the services do not trust the address of the edge (%q) alone", address)
	}
	for _, network := range []string{"signals", "stores", "edge-metrics"} {
		if !regexp.MustCompile(`(?m)^  ` + network + `:.*\n    internal: true$`).MatchString(compose) {
			t.Errorf("the network %s leads out", network)
		}
	}
	if prometheus := part(t, compose, "  prometheus:\n", "  alertmanager:\n"); !strings.Contains(prometheus, "networks: [signals, stores, edge-metrics]\n") {
		t.Error("prometheus is in another network")
	}
}
