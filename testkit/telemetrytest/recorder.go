// Package telemetrytest runs a Telemetry whose signals stay in memory, for
// tests of what a service emits.
package telemetrytest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// Recorder is a Telemetry that samples everything, logs from trace upwards and
// keeps what it emits. Its methods may be called at any time, by any goroutine.
type Recorder struct {
	*telemetry.Telemetry

	t       testing.TB
	spans   *tracetest.InMemoryExporter
	records *records
	output  *buffer
}

// Start starts a Recorder, which stops with the test. The options change its
// configuration first. Like telemetry.Start it sets OpenTelemetry's globals.
func Start(t testing.TB, options ...func(*telemetry.Config)) *Recorder {
	t.Helper()
	r := &Recorder{t: t, spans: tracetest.NewInMemoryExporter(), records: &records{}, output: &buffer{}}
	cfg := telemetry.Config{
		ServiceName:  "test",
		Version:      "1.2.3",
		Environment:  "test",
		InstanceID:   "test-1",
		SampleRatio:  1,
		Metrics:      true,
		Log:          telemetry.LogConfig{Level: telemetry.LevelTrace, Output: r.output},
		SpanExporter: r.spans,
		LogExporter:  r.records,
	}
	for _, option := range options {
		option(&cfg)
	}
	var err error
	if r.Telemetry, err = telemetry.Start(t.Context(), cfg); err != nil {
		t.Fatalf("start telemetry: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("shut telemetry down: %v", err)
		}
	})
	return r
}

// Spans are the spans that ended so far, in that order.
func (r *Recorder) Spans() tracetest.SpanStubs { return r.spans.GetSpans() }

// Span is the one span of that name; another number of them fails the test.
func (r *Recorder) Span(name string) tracetest.SpanStub {
	r.t.Helper()
	var found tracetest.SpanStubs
	for _, span := range r.Spans() {
		if span.Name == name {
			found = append(found, span)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d spans are named %q, want 1: %v", len(found), name, names(r.Spans()))
	}
	return found[0]
}

// Logs are the lines written so far, decoded. Only JSON output can be.
func (r *Recorder) Logs() []map[string]any {
	r.t.Helper()
	var lines []map[string]any
	for line := range bytes.Lines([]byte(r.Output())) {
		var decoded map[string]any
		if err := json.Unmarshal(line, &decoded); err != nil {
			r.t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, decoded)
	}
	return lines
}

// Log is the one line with that message; another number of them fails the test.
func (r *Recorder) Log(message string) map[string]any {
	r.t.Helper()
	var found []map[string]any
	for _, line := range r.Logs() {
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d lines say %q, want 1:\n%s", len(found), message, r.Output())
	}
	return found[0]
}

// Output is the text of the lines written so far.
func (r *Recorder) Output() string {
	r.t.Helper()
	if err := r.Flush(context.Background()); err != nil {
		r.t.Fatalf("flush telemetry: %v", err)
	}
	return r.output.String()
}

// Records are the log records that would have left by OTLP.
func (r *Recorder) Records() []sdklog.Record { return r.records.all() }

// Metrics is what a scrape gets now, in OpenMetrics, exemplars included.
func (r *Recorder) Metrics() string {
	r.t.Helper()
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	w := httptest.NewRecorder()
	r.MetricsHandler().ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		r.t.Fatalf("GET /metrics: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// Reset forgets the spans, lines and records so far; metrics only grow.
func (r *Recorder) Reset() {
	r.t.Helper()
	r.Output() // so that nothing late comes in
	r.spans.Reset()
	r.records.reset()
	r.output.reset()
}

func names(spans tracetest.SpanStubs) []string {
	list := make([]string, len(spans))
	for i, span := range spans {
		list[i] = span.Name
	}
	return list
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// records is a log exporter, for which the SDK has no in-memory one.
type records struct {
	mu   sync.Mutex
	list []sdklog.Record
}

func (r *records) Export(_ context.Context, batch []sdklog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range batch {
		r.list = append(r.list, record.Clone())
	}
	return nil
}

func (r *records) all() []sdklog.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sdklog.Record(nil), r.list...)
}

func (r *records) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = nil
}

func (r *records) Shutdown(context.Context) error   { return nil }
func (r *records) ForceFlush(context.Context) error { return nil }
