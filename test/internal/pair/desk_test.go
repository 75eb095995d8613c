package pair

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

func TestDesk(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	store := otlpsink.NewStore(0)
	server := httptest.NewServer(desk(store, "tok", time.Millisecond))
	t.Cleanup(server.Close)
	get := func(t *testing.T, path, token string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}

	if status, body := get(t, "/traces", "tok"); status != 200 || body != "No trace has come yet.\n" {
		t.Errorf("the empty list: %d %q", status, body)
	}
	if status, body := get(t, "/traces/"+id, "tok"); status != 404 || !strings.Contains(body, "trace "+id+" not found") {
		t.Errorf("an unknown trace: %d %q", status, body)
	}
	store.AddSpans(otlpsink.Span{TraceID: id, SpanID: "01", Name: "ci", Service: "ci", Start: time.Now(), End: time.Now()})
	store.AddLogs(otlpsink.Log{TraceID: strings.Repeat("0", 32), Body: "a trace with no span is not in the list"})
	if status, body := get(t, "/traces/"+id+"?width=80", "tok"); status != 200 || !strings.HasPrefix(body, "trace "+id) || strings.Contains(body, "\x1b") {
		t.Errorf("the trace: %d %q", status, body)
	}
	if _, body := get(t, "/traces/"+id+"?color=1", "tok"); !strings.Contains(body, "\x1b[1m") {
		t.Errorf("the trace in colour: %q", body)
	}
	if _, body := get(t, "/traces", "tok"); !strings.Contains(body, id+"    1 spans  ci ci") || strings.Count(body, "\n") != 1 {
		t.Errorf("the list: %q", body)
	}
	if status, body := get(t, "/traces/"+id, "wrong"); status != 401 || strings.Contains(body, "ci") {
		t.Errorf("without the token: %d %q", status, body)
	}
}

func TestParseTraceID(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, text := range map[string]string{
		"hex digits": id, "upper case": strings.ToUpper(id), "a UUID": "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
		"a traceparent": "00-" + id + "-00f067aa0ba902b7-01", "with blanks": " " + id + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseTraceID(text); err != nil || got != id {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for _, text := range []string{"", "4bf9", id + "0", "../../etc/passwd"} {
		if got, err := ParseTraceID(text); err == nil {
			t.Errorf("%q was taken as %q", text, got)
		}
	}
}
