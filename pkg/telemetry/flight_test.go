package telemetry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// flying turns the flight recorder on, and makes each request slow.
func flying(dir string) func(*telemetry.Config) {
	return func(c *telemetry.Config) { c.FlightRecorder, c.FlightDir, c.SlowRequest = true, dir, 1 }
}

type keptTrace struct {
	TraceID, Reason string
	Bytes           int64
}

func listTraces(t *testing.T, debug http.Handler) []keptTrace {
	t.Helper()
	status, body := askDebug(t, debug, "GET", "/debug/traces", "")
	var list struct {
		On     bool
		Traces []keptTrace
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 || !list.On {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return list.Traces
}

// parseTrace reads an execution trace with Go's own program.
func parseTrace(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fetched.trace")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "trace", "-d=parsed", file).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool trace: %v\n%.2000s", err, out)
	}
	return string(out)
}

// A slow request leaves an execution trace, which its line, its span and its trace ID lead to.
func TestFlight(t *testing.T) {
	dir := t.TempDir()
	tel := telemetrytest.Start(t, flying(dir))
	w := serve(tel, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	id := w.Header().Get("X-Correlation-ID")
	path := "/debug/traces/" + id
	if line := tel.Log("request"); line["driftsentry.execution_trace"] != path {
		t.Errorf("access line: %v", line)
	}
	if attr(tel.Span("GET /"), "driftsentry.execution_trace") != path {
		t.Errorf("span: %v", tel.Span("GET /").Attributes)
	}
	debug := tel.DebugHandler()
	if err := tel.Shutdown(t.Context()); err != nil { // which waits until it is written
		t.Fatal(err)
	}
	kept := listTraces(t, debug)
	if len(kept) != 1 || kept[0].TraceID != id || kept[0].Reason != "slow" || kept[0].Bytes == 0 {
		t.Fatalf("kept: %+v", kept)
	}
	if line := tel.Log("an execution trace was kept"); line["trace_id"] != id || line["reason"] != "slow" || line["bytes"] != float64(kept[0].Bytes) {
		t.Errorf("%v", line)
	}
	status, body := askDebug(t, debug, "GET", path, "")
	if status != 200 || int64(len(body)) != kept[0].Bytes {
		t.Fatalf("fetched: %d, %d bytes of %d", status, len(body), kept[0].Bytes)
	}
	parsed := parseTrace(t, body)
	for _, want := range []string{id, "trace_id", `RegionBegin`, "request"} {
		if !strings.Contains(parsed, want) {
			t.Errorf("the execution trace has no %q", want)
		}
	}
}

// The report of a panic says where its execution trace is.
func TestFlight_panic(t *testing.T) {
	receiver := sentrytest.Start(t)
	tel := telemetrytest.Start(t, func(c *telemetry.Config) {
		c.FlightRecorder, c.FlightDir, c.Sentry.DSN = true, t.TempDir(), receiver.DSN()
	})
	w := serve(tel, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic("boom") }))
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := w.Header().Get("X-Correlation-ID")
	if kept := listTraces(t, tel.DebugHandler()); len(kept) != 1 || kept[0].TraceID != id || kept[0].Reason != "panic" {
		t.Errorf("kept: %+v", kept)
	}
	events := receiver.Events()
	if len(events) != 1 || events[0].Contexts["execution trace"]["path"] != "/debug/traces/"+id || events[0].Contexts["execution trace"]["at the metrics port of"] != "test-1" {
		t.Errorf("events: %+v", events)
	}
}

// TestAttackSlowRequests: a storm of slow requests leaves one execution trace in ten seconds. The mutation: Keep without
// its limit.
func TestAttackSlowRequests(t *testing.T) {
	start := time.Now()
	tel := telemetrytest.Start(t, flying(t.TempDir()))
	const storm = 500
	for range storm {
		serve(tel, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	}
	metrics := tel.Metrics()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	most := 1 + int(time.Since(start)/(10*time.Second)) // 1, unless the machine sleeps
	kept := len(listTraces(t, tel.DebugHandler()))
	if kept < 1 || kept > most {
		t.Errorf("%d are kept, want %d at most", kept, most)
	}
	if limited := sample(t, metrics, "telemetry_execution_traces_total", `outcome="limited"`); !strings.HasPrefix(limited, fmt.Sprintf(`telemetry_execution_traces_total{outcome="limited"} %d.0`, storm-kept)) {
		t.Errorf("%s, want %d", limited, storm-kept)
	}
}

// What is asked for by the wrong name, or cannot be written, hurts nothing.
func TestFlight_faults(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	tel := telemetrytest.Start(t, flying(dir))
	debug := tel.DebugHandler()
	for path, want := range map[string]int{
		"/debug/traces/0af7651916cd43dd8448eb211c80319c": 404, "/debug/traces/..%2fsecret": 400, "/debug/traces/secret": 400, "/debug/traces/": 404,
	} {
		if status, body := askDebug(t, debug, "GET", path, ""); status != want || strings.Contains(body, "hunter2") {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w := serve(tel, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	if w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
	if status, _ := askDebug(t, debug, "GET", "/debug/traces", ""); status != 500 {
		t.Errorf("without the folder: %d", status)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	tel.Log("the execution trace was not kept")

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tel = telemetrytest.Start(t, flying(file))
	if line := tel.Log("a setting of telemetry is wrong; the rest works"); !strings.HasPrefix(line["warning"].(string), "FLIGHT_RECORDER: ") {
		t.Errorf("%v", line)
	}
}

// Off, nothing is recorded.
func TestFlight_off(t *testing.T) {
	tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.SlowRequest = 1 })
	serve(tel, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	if line := tel.Log("request"); line["driftsentry.execution_trace"] != nil {
		t.Errorf("%v", line)
	}
	if status, body := askDebug(t, tel.DebugHandler(), "GET", "/debug/traces", ""); status != 200 || strings.TrimSpace(body) != `{"on":false,"traces":[]}` {
		t.Errorf("%d %s", status, body)
	}
}

// SIGQUIT keeps a trace, and still ends the process with the stacks of its goroutines.
func TestFlight_sigquit(t *testing.T) {
	dir := t.TempDir()
	out, err := role(t, "quit", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SIGQUIT: quit") {
		t.Errorf("%v, output:\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "flight", "*.quit.trace"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	parseTrace(t, string(body))
}
