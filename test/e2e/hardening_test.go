package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// door is one port of the pair in production.
type door struct{ name, address string }

// startProduction starts both services as production does, with the metrics on ports of their own.
func startProduction(t *testing.T) (p *pair, public, metrics []door) {
	t.Helper()
	p = startPair(t, pgtest.DSN(t), unlimited...)
	p.stop()
	for name, start := range map[string]func(){"api": p.startAPI, "realtime": p.startRealtime} {
		port := strconv.Itoa(loopback.Port(t))
		p.environ = append(p.environ, "APP_ENV=production", "METRICS_PORT="+port)
		start()
		metrics = append(metrics, door{name, "127.0.0.1:" + port})
	}
	return p, []door{{"api", strings.TrimPrefix(p.apiURL, "http://")}, {"realtime", strings.TrimPrefix(p.realtimeURL, "http://")}}, metrics
}

var traceIDs = regexp.MustCompile(`^[0-9a-f]{32}$`)

// TestAttackOpenDoors: in production a public port serves the API and nothing for insiders, and each response has the
// headers that tell a browser to do nothing clever. Mutations: MetricsOnPublicPort always true; SecurityHeaders left
// out of either router; net/http/pprof served by DefaultServeMux; DebugHandler routed in Edge.Router; DisableGeneralOptionsHandler left out (`OPTIONS *`); a route for
// TRACE; a cookie.
func TestAttackOpenDoors(t *testing.T) {
	p, public, metrics := startProduction(t)
	token := p.signIn("viewer").token
	t.Run("nothing for insiders is on a public port", func(t *testing.T) {
		for _, d := range public {
			for _, path := range []string{"/metrics", "/metrics/", "//metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/requests",
				"/debug/log-level", "/debug/traces", "/debug/traces/0af7651916cd43dd8448eb211c80319c", "/", "/.env", "/api/../metrics"} {
				if resp := roundTrip(t, d, "GET", path, "Authorization", "Bearer "+token); resp.StatusCode != http.StatusNotFound {
					t.Errorf("%s %s: %d", d.name, path, resp.StatusCode)
				}
			}
		}
		for _, d := range metrics {
			if resp := roundTrip(t, d, "GET", "/metrics"); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s /metrics: %d %v", d.name, resp.StatusCode, resp.Header)
			}
			if resp := roundTrip(t, d, "GET", "/debug/log-level"); resp.StatusCode != http.StatusOK {
				t.Errorf("%s /debug/log-level: %d", d.name, resp.StatusCode)
			}
			for _, path := range []string{"/debug/", "/debug/vars", "/debug/pprof/cmdline", "/health/live", "/api/v1/drifts", "/"} {
				if resp := roundTrip(t, d, "GET", path); resp.StatusCode != http.StatusNotFound {
					t.Errorf("%s' metrics %s: %d", d.name, path, resp.StatusCode)
				}
			}
		}
	})
	t.Run("every response has the headers, and no cookie", func(t *testing.T) {
		upgrade := []string{
			"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
			"Sec-WebSocket-Protocol", "driftsentry.v1", "Authorization", "Bearer " + token,
		}
		for _, c := range []struct {
			method, path string
			want         map[string]int // by service
			headers      []string
		}{
			{"GET", "/health/live", map[string]int{"api": 200, "realtime": 200}, nil},
			{"GET", "/health/detailed", map[string]int{"api": 200, "realtime": 200}, nil},
			{"GET", "/nothing", map[string]int{"api": 404, "realtime": 404}, nil},
			{"DELETE", "/health/live", map[string]int{"api": 405, "realtime": 405}, nil},
			{"TRACE", "/health/live", map[string]int{"api": 405, "realtime": 405}, nil},
			{"BREW", "/health/live", map[string]int{"api": 405, "realtime": 405}, nil},
			{"OPTIONS", "*", map[string]int{"api": 404, "realtime": 404}, nil},
			{"GET", "/api/v1/drifts", map[string]int{"api": 401}, nil},
			{"GET", "/api/v1/drifts", map[string]int{"api": 200}, []string{"Authorization", "Bearer " + token}},
			{"GET", "/api/v1/users", map[string]int{"api": 403}, []string{"Authorization", "Bearer " + token}},
			{"GET", "/api/v1/drifts?x=y", map[string]int{"api": 400}, []string{"Authorization", "Bearer " + token}},
			{"POST", "/api/v1/auth/login", map[string]int{"api": 415}, nil},
			{"OPTIONS", "/api/v1/drifts", map[string]int{"api": 204}, []string{"Origin", "https://app.example", "Access-Control-Request-Method", "GET"}},
			{"GET", "/ws", map[string]int{"realtime": 400}, nil},
			{"GET", "/ws", map[string]int{"realtime": 101}, upgrade},
			{"GET", "/ws", map[string]int{"realtime": 403}, append([]string{"Origin", "https://evil.example"}, upgrade...)},
		} {
			for _, d := range public {
				want, ok := c.want[d.name]
				if !ok {
					continue
				}
				resp := roundTrip(t, d, c.method, c.path, c.headers...)
				if resp.StatusCode != want {
					t.Errorf("%s %s %s: %d, want %d", d.name, c.method, c.path, resp.StatusCode, want)
				}
				expectHeaders(t, d.name+" "+c.method+" "+c.path, resp.Header)
			}
		}
	})
}

func expectHeaders(t *testing.T, what string, h http.Header) {
	t.Helper()
	kept := "no-store"
	if h.Get("ETag") != "" { // The caller's own browser may keep it, and asks each time.
		kept = "private, no-cache"
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": kept,
		"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "cross-origin",
		"Set-Cookie": "", "Server": "", "X-Powered-By": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	if !traceIDs.MatchString(h.Get("X-Correlation-ID")) {
		t.Errorf("%s: X-Correlation-ID is %q", what, h.Get("X-Correlation-ID"))
	}
}

// roundTrip sends a request as it is written, and returns the response without its body.
func roundTrip(t *testing.T, d door, method, target string, headers ...string) *http.Response {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, d.address)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", headers[i], headers[i+1])
	}
	answers := converse(t, d.address, text.String()+"\r\n", 1)
	if len(answers) == 0 {
		t.Fatalf("%s %s %s: no response", d.name, method, target)
	}
	return answers[0]
}

// converse sends bytes and returns the responses until the server hangs up, of which at most most bytes are read.
func converse(t *testing.T, address, text string, most int) []*http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return converseOn(ctx, t, conn, text, most)
}

// converseOn is converse on a connection, which it closes.
func converseOn(ctx context.Context, t *testing.T, conn net.Conn, text string, most int) []*http.Response {
	t.Helper()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	var answers []*http.Response
	in := bufio.NewReader(conn)
	for len(answers) < most {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		answers = append(answers, resp)
		if resp.StatusCode != http.StatusSwitchingProtocols {
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		_ = resp.Body.Close()
	}
	return answers
}

// TestAttackCORS: pages of exactly the origins on the list may call us. Mutations: AllowedOrigins with a `*` in it, an
// AllowOriginFunc that compares prefixes, AllowCredentials.
func TestAttackCORS(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), "CORS_ORIGIN=https://app.example,https://ops.example:8443")
	for origin, allowed := range map[string]bool{
		"https://app.example": true, "https://ops.example:8443": true,
		"https://ops.example": false, "http://app.example": false, "https://app.example:444": false, "https://app.example.evil.example": false,
		"https://evilapp.example": false, "https://x.app.example": false, "https://app.example/": false, "https://app.example,https://ops.example:8443": false,
		"null": false, "*": false, "file://": false, "https://аpp.example": false,
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			req, err := http.NewRequestWithContext(spec.Invalid(t.Context()), method, p.apiURL+"/api/v1/drifts", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", origin)
			if method == http.MethodOptions {
				req.Header.Set("Access-Control-Request-Method", "POST")
				req.Header.Set("Access-Control-Request-Headers", "authorization")
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			want := ""
			if allowed {
				want = origin
			}
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: Access-Control-Allow-Origin is %q, want %q", method, origin, got, want)
			}
			if resp.Header.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Origin") {
				t.Errorf("%s from %s: %v", method, origin, resp.Header)
			}
		}
	}
}

// ambiguous are requests of which two servers could think differently where they end.
var ambiguous = map[string]string{
	"two lengths":             "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
	"two lengths in one line": "Content-Length: 4, 5\r\n\r\nabcde",
	"a length with a sign":    "Content-Length: +5\r\n\r\nabcde",
	"a length in hex":         "Content-Length: 0x5\r\n\r\nabcde",
	"a coding unknown":        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"chunked and more":        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
	"chunked twice":           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a space before a colon":  "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"a tab in a name":         "Transfer\tEncoding: chunked\r\n\r\n0\r\n\r\n",
	"a bare CR":               "X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"no colon":                "Transfer-Encoding chunked\r\n\r\n0\r\n\r\n",
	"two hosts":               "Host: evil.example\r\n\r\n",
	"a NUL":                   "X-A: b\x00c\r\n\r\n",
}

// twofold are requests that say in two ways where they end, both of which net/http understands.
var twofold = map[string]string{
	"a length and chunks":        "HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"chunks and a length":        "HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"a length that is too short": "HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
	"chunks under HTTP/1.0":      "HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

// TestAttackSmuggling: a request of which it is not clear where it ends is refused, or is the last that is read of its
// connection, so that nothing behind it is taken for a request; and headers have an end. Mutation: no EndAmbiguous
// (twofold). It is net/http that refuses; a server or an edge in its place has to pass this.
func TestAttackSmuggling(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), unlimited...)
	for _, d := range []door{{"api", strings.TrimPrefix(p.apiURL, "http://")}, {"realtime", strings.TrimPrefix(p.realtimeURL, "http://")}} {
		for name, rest := range ambiguous {
			t.Run(d.name+"/"+name, func(t *testing.T) { expectRefused(t, converse(t, d.address, hiding(name, rest), 3)) })
		}
		for name, rest := range twofold {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				request := "POST /health/live " + rest + "GET /smuggled/" + strings.ReplaceAll(name, " ", "-") + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
				if answers := converse(t, d.address, request, 2); len(answers) != 1 || answers[0].StatusCode != http.StatusMethodNotAllowed || !answers[0].Close {
					t.Errorf("%d responses: %+v", len(answers), answers)
				}
			})
		}
		t.Run(d.name+"/headers without an end", func(t *testing.T) {
			answers := converse(t, d.address, "GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: "+strings.Repeat("a", 80<<10)+"\r\n\r\n", 2)
			if len(answers) != 1 || answers[0].StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%d responses: %+v", len(answers), answers)
			}
		})
	}
	p.expectNothingSmuggled()
}

// hiding is an ambiguous request with another behind it.
func hiding(name, rest string) string {
	return "POST /health/live HTTP/1.1\r\nHost: localhost\r\n" + rest +
		"GET /smuggled/" + strings.ReplaceAll(name, " ", "-") + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
}

func expectRefused(t *testing.T, answers []*http.Response) {
	t.Helper()
	if len(answers) > 1 || len(answers) == 1 && answers[0].StatusCode != http.StatusBadRequest && answers[0].StatusCode != http.StatusNotImplemented {
		var statuses []int
		for _, a := range answers {
			statuses = append(statuses, a.StatusCode)
		}
		t.Errorf("responses %v, want one refusal", statuses)
	}
}

// expectNothingSmuggled looks through what the services say they were asked.
func (p *pair) expectNothingSmuggled() {
	p.t.Helper()
	p.stop()
	for _, proc := range []*process{p.api, p.realtime} {
		if slices.ContainsFunc(proc.logs(), func(l map[string]any) bool { path, _ := l["path"].(string); return strings.Contains(path, "smuggled") }) {
			p.t.Errorf("%s was reached by a smuggled request", proc.name)
		}
	}
}
