package telemetry_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/goleak"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// patience is how long a shutdown may take that has a collector to export to.
const patience = time.Minute

// start starts a telemetry that exports to the endpoint, and sends a request.
func start(t *testing.T, endpoint string, out io.Writer, shutdown time.Duration) (tel *telemetry.Telemetry, traceID string) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	tel, err := telemetry.Start(t.Context(), telemetry.Config{
		ServiceName: "test", Version: "1.2.3", Commit: "abc", Environment: "staging", InstanceID: "test-1",
		SampleRatio: 1, Metrics: true, Log: telemetry.LogConfig{Output: out}, ShutdownTimeout: shutdown,
	})
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(tel.HTTP(telemetry.HTTPOptions{}))
	router.Get("/things/{id}", ok)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("GET", "/things/password=hunter2", nil))
	if w.Code != 200 {
		t.Fatalf("response %d", w.Code)
	}
	return tel, w.Header().Get("X-Correlation-ID")
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestOTLP_Exports(t *testing.T) {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	tel, id := start(t, sink.Endpoint(), io.Discard, patience)
	tel.Logger().Log(t.Context(), telemetry.LevelFatal, "the end")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Shutdown flushed, so everything is there.
	got, _ := sink.Trace(id)
	if len(got.Spans) != 1 || got.Spans[0].Name != "GET /things/{id}" || got.Spans[0].Kind != otlpsink.KindServer {
		t.Errorf("spans: %+v", got.Spans)
	}
	if len(got.Logs) != 1 || got.Logs[0].Body != "request" || got.Logs[0].Severity != "info" || got.Logs[0].Attributes["route"] != "/things/{id}" {
		t.Errorf("logs: %+v", got.Logs)
	}
	for _, key := range []string{"trace_id", "span_id", "service"} {
		if _, ok := got.Logs[0].Attributes[key]; ok {
			t.Errorf("%s is an attribute as well as a field", key)
		}
	}
	for key, want := range map[string]string{
		"service.name": "test", "service.version": "1.2.3", "vcs.ref.head.revision": "abc",
		"deployment.environment.name": "staging", "service.instance.id": "test-1",
	} {
		if got.Spans[0].Resource[key] != want || got.Logs[0].Resource[key] != want {
			t.Errorf("%s is %v on the span, %v on the log", key, got.Spans[0].Resource[key], got.Logs[0].Resource[key])
		}
	}
	for _, value := range []any{got.Spans[0].Attributes["url.path"], got.Logs[0].Attributes["path"]} {
		if value != "/things/password=[redacted]" {
			t.Errorf("path is %v", value)
		}
	}
	all := sink.Logs()
	if last := all[len(all)-1]; last.Severity != "fatal" || last.SeverityNumber != 21 {
		t.Errorf("fatal is %s, %d", last.Severity, last.SeverityNumber)
	}
}

func TestOTLP_EnvironmentNamesTheService(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "renamed")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production,team=a")
	var out bytes.Buffer
	tel, _ := start(t, "", &out, patience)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"service":"renamed","version":"1.2.3","environment":"production"`) {
		t.Errorf("wrote %s", out.String())
	}
}

func TestOTLP_NoneTurnsASignalOff(t *testing.T) {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	tel, id := start(t, sink.Endpoint(), io.Discard, patience)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := sink.Trace(id); len(got.Spans) != 1 || len(got.Logs) != 0 {
		t.Errorf("got %+v", got)
	}
}

// A collector that takes connections and never says a word.
func TestOTLP_CollectorHangs(t *testing.T) {
	// So that nothing but Shutdown's own bound ends it.
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BLRP_EXPORT_TIMEOUT"} {
		t.Setenv(name, "3600000")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // while it hangs still
	var out lockedBuffer                               // the processors still complain after Shutdown
	tel, _ := start(t, "http://"+listener.Addr().String(), &out, 2*time.Second)
	logger := tel.Logger()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 { // more than any queue holds, and less than the outputs do
				_, span := tel.Tracer().Start(t.Context(), "work")
				logger.LogAttrs(t.Context(), slog.LevelInfo, "line")
				span.End()
			}
		})
	}
	wg.Wait()
	// The exit code is about the service, so the loss is a line of the log and no error.
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "some telemetry was not sent") {
		t.Error("Shutdown flushed to a collector that takes nothing")
	}
	if n := strings.Count(out.String(), `"msg":"line"`); n != 4000 {
		t.Errorf("%d lines were written, want 4000", n)
	}
}

// A port without a listener.
func TestOTLP_CollectorAbsent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
	var out lockedBuffer
	tel, _ := start(t, "http://"+listener.Addr().String(), &out, 500*time.Millisecond)
	if err := tel.Flush(t.Context()); err == nil {
		t.Error("Flush reached a collector that is not there")
	}
	_ = tel.Shutdown(t.Context()) // whether something is left to fail is a matter of timing
	if !strings.Contains(out.String(), `"msg":"request"`) {
		t.Errorf("wrote %s", out.String())
	}
}
