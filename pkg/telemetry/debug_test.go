package telemetry_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// askDebug sends one request to a handler, and returns status and body.
func askDebug(t *testing.T, handler http.Handler, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func infoLevel(c *telemetry.Config) { c.Log.Level = slog.LevelInfo }

func TestDebug_log_level(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := telemetrytest.Start(t, infoLevel)
		debug := tel.DebugHandler()
		said := func() bool {
			tel.Logger().DebugContext(t.Context(), "a detail")
			output := tel.Output()
			tel.Reset()
			return strings.Contains(output, "a detail")
		}
		show := func(want string) {
			t.Helper()
			if status, body := askDebug(t, debug, "GET", "/debug/log-level", ""); status != 200 || strings.TrimSpace(body) != want {
				t.Errorf("%d %s, want %s", status, body, want)
			}
		}
		show(`{"level":"info","configured":"info"}`)
		if said() {
			t.Error("a debug line at level info")
		}
		if status, body := askDebug(t, debug, "PUT", "/debug/log-level", `{"level":"debug","for":"10m"}`); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		line := tel.Log("the log level was changed by hand")
		if line["from"] != "info" || line["to"] != "debug" || line["client.address"] == "" || line["for"] == nil {
			t.Errorf("%v", line)
		}
		show(`{"level":"debug","for":"10m0s","configured":"info"}`)
		if !said() {
			t.Error("no debug line at level debug")
		}
		// A second call counts from now.
		<-time.After(9 * time.Minute)
		askDebug(t, debug, "PUT", "/debug/log-level", `{"level":"debug","for":"10m"}`)
		<-time.After(9 * time.Minute)
		if !said() {
			t.Error("the first call's end ended the second")
		}
		<-time.After(time.Minute + time.Second)
		synctest.Wait()
		tel.Log("the log level is the configured one again")
		show(`{"level":"info","configured":"info"}`)
		if said() {
			t.Error("a debug line after the end")
		}
		// Also a level that hides warnings is told.
		askDebug(t, debug, "PUT", "/debug/log-level", `{"level":"fatal","for":"1s"}`)
		tel.Log("the log level was changed by hand")
	})
}

func TestDebug_log_level_refused(t *testing.T) {
	debug := telemetrytest.Start(t, infoLevel).DebugHandler()
	for body, want := range map[string]string{
		``:                                    "body",
		`debug`:                               "body",
		`{"level":"debug","for":600}`:         "body",
		`{"level":"debug"}`:                   "for: ",
		`{"level":"debug","for":"0s"}`:        "for: ",
		`{"level":"debug","for":"61m"}`:       "1h0m0s",
		`{"level":"debug","for":"-10m"}`:      "for: ",
		`{"level":"loud","for":"10m"}`:        "level: ",
		`{"level":"debug","for":"10m","x":1}`: "unknown field",
		`{"level":"debug","for":"10m"}{}`:     "more than one",
		`{"level":"debug","for":"` + strings.Repeat("9", 2000) + `"}`: "too large",
	} {
		status, got := askDebug(t, debug, "PUT", "/debug/log-level", body)
		if status != http.StatusBadRequest || !strings.Contains(got, want) || !strings.Contains(got, `"for":"10m"`) {
			t.Errorf("%.60s: %d %s; want %q", body, status, got, want)
		}
	}
	if status, _ := askDebug(t, debug, "PUT", "/debug/log-level", `{"level":"debug","for":"10m"}`, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a page of another origin: %d", status)
	}
	if _, got := askDebug(t, debug, "GET", "/debug/log-level", ""); !strings.Contains(got, `"level":"info"`) {
		t.Errorf("the level changed: %s", got)
	}
}

// Go's profiles are there, and none of them measures for long.
func TestDebug_profiles(t *testing.T) {
	debug := telemetrytest.Start(t).DebugHandler()
	for path, want := range map[string]int{
		"":                              200,
		"heap":                          200,
		"goroutine?debug=1":             200,
		"nothing":                       404,
		"cmdline":                       404,
		"profile?seconds=61":            400,
		"profile?seconds=NaN":           400,
		"profile?seconds=-1":            400,
		"trace?seconds=1e9":             400,
		"heap?seconds=61":               400,
		"profile?seconds=soon&debug=0":  400,
		"trace?seconds=61&seconds=0.01": 400,
	} {
		status, body := askDebug(t, debug, "GET", "/debug/pprof/"+path, "")
		if status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
		if status == 400 && !strings.HasPrefix(body, "seconds: ") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if _, body := askDebug(t, debug, "GET", "/debug/pprof/heap", ""); !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("the heap's profile is not a profile: %.20q", body)
	}
}
