package pair

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// TestRun_nextSteps pastes the lines into a shell, with a server that plays the API.
func TestRun_nextSteps(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED, the lines to paste are not tested: curl is not here")
	}
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+strings.TrimSpace(string(body))))
		_, _ = io.WriteString(w, `{"success":true,"data":{"accessToken":"eyJ.a-b_c","refreshToken":"dsr_x","expiresIn":900}}`)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Options: Options{Dir: filepath.Join(t.TempDir(), "it's a folder"), Console: console.New(nil, false, 0), APIPort: port, RealtimePort: 3002}}
	if out, err := exec.Command("mkdir", r.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	people := Credentials{Admin: Person{"admin@demo.example", "A"}, Engineer: Person{"engineer@demo.example", "E"}, Viewer: Person{"viewer@demo.example", "V"}, APIKey: "ds_k-e_y"}
	if err := save(filepath.Join(r.Dir, "credentials.json"), people); err != nil {
		t.Fatal(err)
	}

	paste := func(text string) {
		t.Helper()
		mu.Lock()
		asked = nil
		mu.Unlock()
		var lines []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "TOKEN=") || strings.HasPrefix(line, "API_KEY=") || strings.HasPrefix(line, "curl ") {
				lines = append(lines, line)
			}
		}
		if len(lines) != 4 {
			t.Fatalf("%d lines to paste, want 4:\n%s", len(lines), text)
		}
		lines = append(lines, `test "$API_KEY" = ds_k-e_y`)
		if out, err := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(lines, "")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	want := func(lines ...string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if strings.Join(asked, "\n") != strings.Join(lines, "\n") {
			t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(lines, "\n"))
		}
	}

	s := sample{traceID: "4bf92f3577b34da6a3ce929d0e0e4736", live: time.Second, drifts: []client.Drift{{ID: "decided", Status: "approved"}, {ID: "open", Status: "detected"}}}
	text := r.nextSteps(people, true, s)
	paste(text)
	want(
		`POST /api/v1/auth/login  {"email":"engineer@demo.example","password":"E"}`,
		`GET /api/v1/drifts?severity=critical Bearer eyJ.a-b_c`,
		`POST /api/v1/drifts/open/approve Bearer eyJ.a-b_c {"reason":"agreed with the network team"}`,
	)
	for _, part := range []string{"admin@demo.example     A\n", "shown once", "make watch", "make trace ID=" + s.traceID, "ws://localhost:3002/ws"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}

	s.drifts = s.drifts[:1]
	text = r.nextSteps(people, false, s)
	if strings.Contains(text, "admin@demo.example") || strings.Contains(text, "shown once") {
		t.Errorf("passwords are shown again:\n%s", text)
	}
	paste(text)
	want(
		`POST /api/v1/auth/login  {"email":"engineer@demo.example","password":"E"}`,
		`GET /api/v1/drifts?severity=critical Bearer eyJ.a-b_c`,
		`GET /api/v1/metrics/summary Bearer eyJ.a-b_c`,
	)
}

func TestStamped(t *testing.T) {
	out, err := stamped(samplePlan, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var before, after map[string]any
	if err := json.Unmarshal(samplePlan, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &after); err != nil {
		t.Fatal(err)
	}
	if after["timestamp"] != "2026-03-01T12:00:00Z" || len(after) != len(before) {
		t.Errorf("timestamp = %v, %d fields, want %d", after["timestamp"], len(after), len(before))
	}
}
