package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// open reads a path as a browser does, without the help of Go's client.
func open(t *testing.T, api *apitest.API, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Content-Encoding") == "gzip" && len(body) > 0 {
		inflated, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(inflated); err != nil {
			t.Fatal(err)
		}
	}
	return res, body
}

const html = "text/html,application/xhtml+xml,*/*;q=0.8"

// TestConsole: a browser gets the page on each of its paths, and all that the page names; a program gets the 404 of any path. Mutations:
// the page for every Accept; assets with no-cache; a policy with 'unsafe-inline'; Range that is kept.
func TestConsole(t *testing.T) {
	api := apitest.Start(t, "REALTIME_URL=ws://localhost:3002/ws", "TRACE_URL=https://grafana.example.com/{traceId}")
	t.Run("the page", func(t *testing.T) {
		for _, path := range []string{"/", "/inbox?severity=critical", "/drifts/x", "/workspaces", "/workspaces/team%2Fprod", "/checks/y", "/settings/keys", "/trace/z", "/sign-in"} {
			res, body := open(t, api, path, "Accept", html)
			if res.StatusCode != http.StatusOK || !bytes.HasPrefix(body, []byte("<!doctype html>")) || res.Header.Get("Content-Encoding") != "gzip" ||
				res.Header.Get("Cache-Control") != "no-cache" || res.Header.Get("X-Correlation-Id") == "" {
				t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
			}
			const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws://localhost:3002; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
			if got := res.Header.Get("Content-Security-Policy"); got != policy {
				t.Errorf("%s: the policy %q", path, got)
			}
			if again, _ := open(t, api, path, "Accept", html, "If-None-Match", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.StatusCode)
			}
			if program := api.Anonymous.Unchecked().Get(path); program.Status != http.StatusNotFound || program.Error.Code != "NOT_FOUND" {
				t.Errorf("%s for a program: %d", path, program.Status)
			}
		}
	})
	t.Run("what it names", func(t *testing.T) {
		_, body := open(t, api, "/", "Accept", html)
		names := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(string(body), -1)
		if len(names) < 3 {
			t.Fatalf("only %d files: %s", len(names), body)
		}
		for _, m := range names {
			res, whole := open(t, api, m[1], "Range", "bytes=0-0,0-0")
			if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %d %v", m[1], res.StatusCode, res.Header)
			}
			if res, plain := open(t, api, m[1], "Accept-Encoding", "gzip;q=0"); res.Header.Get("Content-Encoding") != "" || !bytes.Equal(whole, plain) {
				t.Errorf("%s is another file without compression", m[1])
			}
		}
		if strings.Contains(string(body), "<script>") || strings.Contains(string(body), "style=") {
			t.Error("the page has inline code")
		}
	})
	t.Run("what it is told", func(t *testing.T) {
		_, body := open(t, api, "/console.json")
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil || got["realtime"] != "ws://localhost:3002/ws" || got["traceUrl"] != "https://grafana.example.com/{traceId}" {
			t.Errorf("%s, %v", body, err)
		}
	})
	for _, path := range []string{"/nothing", "/drifts", "/assets/nothing.js", "/assets/", "/assets/../index.html", "/inbox/x"} {
		if res, _ := open(t, api, path, "Accept", html); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// TestConsole_edges: the shipped edges pass every path of the console to api. Mutation: a path that is not in one of the files.
func TestConsole_edges(t *testing.T) {
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(doctable.Root(t), "deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	caddy, ingress, gateway := read("caddy/Caddyfile"), read("kubernetes/overlays/production/ingress.yaml"), read("kubernetes/overlays/production/gateway.yaml")
	_, matcher, _ := strings.Cut(caddy, "@api path ")
	matcher, _, _ = strings.Cut(matcher, "handle @api")
	known := strings.Fields(matcher)
	for _, pattern := range append(httpapi.Screens(), "/assets/*", "/console.json") {
		base, rest, deep := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
		want := "/" + base
		if deep && rest != "" {
			want += "/*"
		}
		if !slices.Contains(known, want) {
			t.Errorf("the Caddyfile does not pass %s", want)
		}
		if !strings.Contains(ingress, "path: /"+base+",") || !strings.Contains(gateway, "value: /"+base+" }") {
			t.Errorf("the manifests do not pass /%s", base)
		}
	}
}

// TestConsole_off: without the console its paths are like any other. Mutation: pages without its look at the options.
func TestConsole_off(t *testing.T) {
	api := apitest.Start(t, "ENABLE_CONSOLE=false")
	for _, path := range []string{"/", "/inbox", "/console.json", "/assets/licences.txt"} {
		if res, _ := open(t, api, path, "Accept", html); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
