package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// TestCustomerChecks are the checks that the customer's document ends with.
func TestCustomerChecks(t *testing.T) {
	p := startPair(t, pgtest.DSN(t))
	nobody := p.client("")

	for service, base := range map[string]string{"api": p.apiURL, "realtime": p.realtimeURL} {
		t.Run(service+" is alive, ready, and gives details", func(t *testing.T) {
			var body struct {
				Status string
				Uptime float64
				Memory map[string]float64
				Checks map[string]json.RawMessage
			}
			for path, want := range map[string]string{"/health/live": "alive", "/health/ready": "ready", "/health/detailed": "healthy"} {
				a := nobody.do(t.Context(), http.MethodGet, base+path, nil)
				if err := json.Unmarshal(a.body, &body); err != nil || a.status != http.StatusOK || body.Status != want {
					t.Errorf("%s: %d %s (%v)", path, a.status, a.body, err)
				}
			}
			if body.Checks["database"] == nil {
				t.Errorf("checks = %v", body.Checks)
			}
		})
	}
	t.Run("requests are counted and timed by method, path and status", func(t *testing.T) {
		p.signIn("viewer").drifts()
		metrics := string(nobody.do(t.Context(), http.MethodGet, p.apiURL+"/metrics", nil).body)
		for _, want := range []string{
			`http_requests_total{method="GET",path="/api/v1/drifts",status="200"} 1`,
			`http_server_request_duration_seconds_bucket{`,
			`database_connection_pool_size{`,
			`db_client_operation_duration_seconds_bucket{`,
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("no %s in the metrics", want)
			}
		}
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "http_") && strings.Contains(line, "127.0.0.1") {
				t.Errorf("the Host header became a label: %s", line)
			}
		}
	})
	t.Run("a bad approve is refused, and its log line has everything except the token", func(t *testing.T) {
		bad := p.client("invalid-token")
		a := bad.do(spec.Invalid(t.Context()), http.MethodPost, p.apiURL+"/api/v1/drifts/invalid/approve", []byte(`{}`))
		if a.status != http.StatusUnauthorized || a.Error.Code != "AUTH_ERROR" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a.Error.TraceID == "" || a.Error.TraceID != a.correlation() {
			t.Errorf("traceId %q, X-Correlation-ID %q", a.Error.TraceID, a.correlation())
		}
		line := p.api.waitLog(t, "the refused request", func(l map[string]any) bool {
			return l["msg"] == "request" && l["trace_id"] == a.correlation()
		})
		for field, want := range map[string]any{
			"error.code": "AUTH_ERROR", "method": "POST", "status": 401.0, "path": "/api/v1/drifts/invalid/approve", "level": "warn",
		} {
			if line[field] != want {
				t.Errorf("%s = %v, want %v", field, line[field], want)
			}
		}
		if strings.Contains(p.api.output(), "invalid-token") {
			t.Error("the token is in the log")
		}
	})
	t.Run("errors are counted by code and path", func(t *testing.T) {
		metrics := string(nobody.do(t.Context(), http.MethodGet, p.apiURL+"/metrics", nil).body)
		if !strings.Contains(metrics, `errors_total{code="AUTH_ERROR",path="/api/v1/drifts/{id}/approve"} 1`) {
			t.Error("the refused approve is not in errors_total")
		}
	})
	t.Run("an unexpected path and method get our envelope", func(t *testing.T) {
		for _, c := range []struct {
			method, path, code string
			status             int
		}{{http.MethodGet, "/nothing/here", "NOT_FOUND", 404}, {http.MethodDelete, "/api/v1/drifts", "METHOD_NOT_ALLOWED", 405}} {
			a := nobody.do(spec.Invalid(t.Context()), c.method, p.apiURL+c.path, nil)
			if a.status != c.status || a.Error.Code != c.code || a.Error.TraceID != a.correlation() {
				t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
			}
		}
	})
	t.Run("every line of the log is JSON with level, time and message", func(t *testing.T) {
		at := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
		for _, proc := range []*process{p.api, p.realtime} {
			lines := strings.Count(proc.output(), "\n")
			if parsed := len(proc.logs()); parsed != lines {
				t.Errorf("%s printed %d lines, of which %d are JSON", proc.name, lines, parsed)
			}
			for _, l := range proc.logs() {
				when, _ := l["time"].(string)
				if l["level"] == nil || l["msg"] == nil || l["service"] == nil || !at.MatchString(when) {
					t.Errorf("%s: %v", proc.name, l)
				}
			}
		}
	})
	t.Run("the configuration is logged with its secrets masked", func(t *testing.T) {
		for _, proc := range []*process{p.api, p.realtime} {
			line := proc.waitLog(t, "its configuration", func(l map[string]any) bool { return l["JWT_SECRET"] != nil || l["config"] != nil })
			if text := string(mustJSON(t, line)); !strings.Contains(text, "[redacted]") || strings.Contains(text, "e2e-jwt-secret") {
				t.Errorf("%s: %s", proc.name, text)
			}
		}
	})
	t.Run(".env.example has every variable", func(t *testing.T) { expectEnvExample(t, p) })
	checkMetrics(t, p)
	p.stop()
	checkSignals(t, p)
}

// TestWrongConfiguration: every problem is reported at once, by the variable's name, and the exit code is 1.
func TestWrongConfiguration(t *testing.T) {
	for name, program := range map[string]string{"api": programs.API, "realtime": programs.Realtime} {
		t.Run(name, func(t *testing.T) {
			proc := start(t, name, program, []string{"APP_ENV=production", "PORT=many", "JWT_SECRET=short", "REQUEST_TIMEOUT=soon"}, "serve")
			if code := proc.wait(t); code != 1 {
				t.Errorf("exit code = %d", code)
			}
			printed := proc.output() + proc.errorOutput()
			for _, variable := range []string{"DATABASE_URL", "PORT", "JWT_SECRET"} {
				if !strings.Contains(printed, variable+":") {
					t.Errorf("%s is not named in:\n%s", variable, printed)
				}
			}
			if strings.Contains(printed, "short") && strings.Contains(printed, "JWT_SECRET: \"short\"") {
				t.Error("the secret is printed")
			}
		})
	}
}
