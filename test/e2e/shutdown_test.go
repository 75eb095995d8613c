package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestGracefulShutdown: SIGTERM with requests and sockets in flight drops none of them, and loses no span.
func TestGracefulShutdown(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), "SHUTDOWN_DRAIN_DELAY=300ms")
	viewer := p.signIn("viewer")
	watcher := dial(t, p.socketURL, viewer.token, "", "drifts", "checks")

	t.Run("a socket is told to reconnect, then closed with 1012", func(t *testing.T) {
		p.realtime.signal(t, syscall.SIGTERM)
		told := watcher.wait("the reconnect", func(f frame) bool { return f.Type == "reconnect" })
		if told.AfterMs < 0 {
			t.Errorf("afterMs = %d", told.AfterMs)
		}
		if code := watcher.closeCode(); code != 1012 {
			t.Errorf("close code = %d", code)
		}
		if code := p.realtime.wait(t); code != 0 {
			t.Errorf("exit code = %d", code)
		}
	})
	t.Run("a request in flight gets its response, and its spans arrive", func(t *testing.T) {
		// The upload's second half is sent only after the service was told to stop and said that it drains.
		body := plan(t, "refresh_only_tf1.11.4.json")
		half, rest := body[:len(body)/2], body[len(body)/2:]
		in, out := io.Pipe()
		ci := newTraceparent()
		result := make(chan reply, 1)
		failed := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.apiURL+"/api/v1/ingest/plan?workspace=late", in)
			if err != nil {
				failed <- err
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+p.apiKey)
			req.Header.Set("traceparent", ci.String())
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				failed <- err
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				failed <- err
				return
			}
			result <- reply{status: resp.StatusCode, header: resp.Header, body: text}
		}()
		if _, err := io.Copy(out, bytes.NewReader(half)); err != nil {
			t.Fatal(err)
		}
		p.api.waitLog(t, "the upload's start", func(l map[string]any) bool {
			return l["msg"] == "request started" && l["trace_id"] == ci.traceID
		})
		p.api.signal(t, syscall.SIGTERM)
		p.api.waitLog(t, "that it stops", func(l map[string]any) bool { return l["msg"] == "stopping" })
		if _, err := io.Copy(out, bytes.NewReader(rest)); err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
		select {
		case a := <-result:
			if a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		case err := <-failed:
			t.Fatalf("the request was dropped: %v", err)
		}
		if code := p.api.wait(t); code != 0 {
			t.Errorf("exit code = %d", code)
		}
		// The process has ended: what it had to send is sent, and there is nothing to wait for.
		trace, _ := p.sink.Trace(ci.traceID)
		if len(trace.Spans) == 0 || trace.Spans[0].Kind != otlpsink.KindServer {
			t.Errorf("the last request's spans did not arrive: %+v", trace.Spans)
		}
	})
	checkSignals(t, p)
}
