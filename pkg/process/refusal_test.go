package process_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// TestProcess_refused_before_routing: what net/http refuses before any handler has our envelope, an ID and the headers of every
// response; it is logged and counted. Other responses are as they were.
//
// Mutations: a listener that is not wrapped; a Write that does not look at the headers; no refuse in the edge.
func TestProcess_refused_before_routing(t *testing.T) {
	p, tel, stop := run(t, func(r chi.Router) {
		r.Get("/text", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			http.Error(w, "of a handler", http.StatusBadRequest)
		})
	})
	send := func(request string) (*http.Response, string) {
		t.Helper()
		conn, err := net.Dial("tcp", p.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	const host = " HTTP/1.1\r\nHost: x\r\n"
	for name, tt := range map[string]struct {
		request string
		status  int
		message string
	}{
		"an escape that is none":  {"GET /api/v1/workspaces/%zz" + host + "\r\n", 400, "malformed"},
		"no request line":         {"nonsense\r\n\r\n", 400, "malformed"},
		"no host":                 {"GET / HTTP/1.1\r\n\r\n", 400, "malformed"},
		"a malformed header":      {"GET /" + host + "a b: c\r\n\r\n", 400, "malformed"},
		"another version":         {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400, "malformed"},
		"a strange encoding":      {"POST /" + host + "Transfer-Encoding: x\r\n\r\n", 400, "malformed"},
		"headers of many bytes":   {"GET /" + host + "A: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", 431, "headers are longer"},
		"after another one, good": {"GET /health/live" + host + "\r\nGET /%zz" + host + "\r\n", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tel.Reset()
			resp, body := send(tt.request)
			if resp.StatusCode != tt.status {
				t.Fatal(resp.StatusCode, body)
			}
			if tt.status == 200 {
				return
			}
			var envelope struct {
				Success *bool
				Error   struct{ Code, Message, TraceID string }
			}
			if err := json.Unmarshal([]byte(body), &envelope); err != nil || envelope.Success == nil || *envelope.Success {
				t.Fatal(body, err)
			}
			if e := envelope.Error; !strings.Contains(e.Message, tt.message) || len(e.TraceID) != 32 || e.TraceID != resp.Header.Get("X-Correlation-ID") {
				t.Errorf("%+v %v", e, resp.Header)
			}
			if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Date") == "" || !resp.Close {
				t.Errorf("%v", resp.Header)
			}
			if !strings.Contains(tel.Output(), envelope.Error.TraceID) {
				t.Errorf("no access line: %s", tel.Output())
			}
		})
	}
	if !strings.Contains(tel.Metrics(), `http_response_status_code="431"`) {
		t.Error("it is not counted")
	}
	t.Run("a handler's own text", func(t *testing.T) {
		resp, body := send("GET /text" + host + "\r\n")
		if resp.StatusCode != 400 || body != "of a handler\n" {
			t.Error(resp.StatusCode, body)
		}
	})
	stop()
}
