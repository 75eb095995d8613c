package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestLogger_Levels(t *testing.T) {
	levels := []string{"trace", "debug", "info", "warn", "error", "fatal"}
	for i, name := range levels {
		t.Run(name, func(t *testing.T) {
			level, err := telemetry.ParseLevel(strings.ToUpper(name))
			if err != nil {
				t.Fatal(err)
			}
			rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.Log.Level = level })
			for _, each := range levels {
				l, err := telemetry.ParseLevel(each)
				if err != nil {
					t.Fatal(err)
				}
				rec.Logger().Log(t.Context(), l, each)
			}
			var got []string
			for _, line := range rec.Logs() {
				if line["level"] != line["msg"] {
					t.Errorf("level %s of a line at %s", line["level"], line["msg"])
				}
				got = append(got, line["level"].(string))
			}
			if diff := cmp.Diff(levels[i:], got); diff != "" {
				t.Errorf("lines: %s", diff)
			}
			for j, record := range rec.Records() {
				if record.SeverityText() != levels[i+j] {
					t.Errorf("severity text %q, want %s", record.SeverityText(), levels[i+j])
				}
			}
			if len(rec.Records()) != len(got) {
				t.Errorf("%d records for %d lines", len(rec.Records()), len(got))
			}
		})
	}
	if _, err := telemetry.ParseLevel("loud"); err == nil {
		t.Error("loud is a level")
	}
}

func TestLogger_ContextAttributesStandOutsideGroups(t *testing.T) {
	rec := telemetrytest.Start(t)
	w := serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(_ http.ResponseWriter, r *http.Request) {
		telemetry.SetUser(r.Context(), "u-1", "", "")
		rec.Logger().With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").InfoContext(r.Context(), "deep", "c", 3)
	}))
	line := rec.Log("deep")
	want := map[string]any{
		"level": "info", "msg": "deep", "service": "test", "version": "1.2.3", "environment": "test",
		"userId": "u-1", "trace_id": w.Header().Get("X-Correlation-ID"),
		"a": 1.0, "g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0}},
	}
	delete(line, "time")
	delete(line, "span_id")
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
}

type secretive struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

type valuer struct{}

func (valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("token", "hunter2"), slog.Int("n", 1))
}

type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("hunter") }

func TestLogger_Redacts(t *testing.T) {
	rec := telemetrytest.Start(t)
	logger := rec.Logger().With("apiKey", "hunter2")
	logger.Info("sent Bearer hunter2hunter2",
		"password", "hunter2",
		"url", "postgres://app:hunter2@db/x",
		"err", fmt.Errorf("dial: %w", errors.New("password=hunter2")),
		"struct", secretive{"ann", "hunter2"},
		"map", map[string]any{"list": []any{map[string]any{"secret": "hunter2"}}, "n": 1},
		"strings", []string{"token=hunter2"},
		"valuer", valuer{},
		"credentials", valuer{}, // masked whole
		"dsn", "", // there is none, which is worth knowing
		slog.Group("g", slog.Group("h", "cookie", "hunter2")),
		"bomb", bomb{},
		"plain", "stays", "number", 7,
	)
	if out := rec.Output(); strings.Contains(out, "hunter2") {
		t.Errorf("a secret was written: %s", out)
	}
	line := rec.Log("sent Bearer [redacted]")
	if line["plain"] != "stays" || line["number"] != 7.0 || line["struct"].(map[string]any)["name"] != "ann" || line["dsn"] != "" {
		t.Errorf("something harmless is gone: %v", line)
	}
	if line["credentials"] != "[redacted]" {
		t.Errorf("a value with a sensitive name became %v", line["credentials"])
	}
	for _, record := range rec.Records() {
		text := record.Body().String()
		record.WalkAttributes(func(kv attribute.KeyValue) bool {
			text += " " + string(kv.Key) + "=" + kv.Value.String()
			return true
		})
		if strings.Contains(text, "hunter2") {
			t.Errorf("a secret was exported: %s", text)
		}
	}
}

func TestSpan_Redacts(t *testing.T) {
	rec := telemetrytest.Start(t)
	_, span := rec.Tracer().Start(t.Context(), "work for token=hunter2",
		trace.WithLinks(trace.Link{SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{1}}), Attributes: []attribute.KeyValue{attribute.String("secret", "hunter2")}}),
		trace.WithAttributes(
			attribute.String("db.password", "hunter2"),
			attribute.String("url", "https://a:hunter2@b/"),
			attribute.StringSlice("list", []string{"x", "password=hunter2"}),
			attribute.Slice("any", attribute.StringValue("password=hunter2")),
			attribute.Map("map", attribute.String("token", "hunter2")),
			attribute.String("plain", "stays")))
	span.RecordError(errors.New("password=hunter2"))
	span.SetStatus(codes.Error, "password=hunter2")
	span.End()

	got := rec.Spans()[0]
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%v %s", got, encoded), "hunter2") {
		t.Errorf("a secret was exported: %v", got)
	}
	if attr(got, "plain") != "stays" || got.Name != "work for token=[redacted]" {
		t.Errorf("something harmless is gone: %v", got)
	}
}

func TestLogger_Pretty(t *testing.T) {
	rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.Log.Format = telemetry.FormatPretty })
	ctx, span := rec.Tracer().Start(t.Context(), "work")
	rec.Logger().InfoContext(ctx, "hello\nworld\x1b[2J", "path", "/a\x1b[31m\nb", "err", errors.New("bad\nnews"))
	rec.Logger().Log(ctx, telemetry.LevelTrace, "fine")
	rec.Logger().Log(ctx, telemetry.LevelFatal, "end")
	rec.Report(ctx, telemetry.WithStack(errors.New("boom")))
	span.End()

	out := rec.Output()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4:\n%s", len(lines), out)
	}
	if strings.Contains(out, "\x1b[2J") || strings.Contains(out, "\x1b[31m") {
		t.Errorf("an escape sequence came through: %q", out)
	}
	for i, want := range []string{`hello\nworld\x1b`, "TRC", "FTL", "log_test.go:"} {
		if !strings.Contains(lines[i], want) || !strings.Contains(lines[i], span.SpanContext().TraceID().String()) {
			t.Errorf("line %q has no %s or no trace", lines[i], want)
		}
	}
}

func TestLogger_File(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "directory", "service.log")
	rec := telemetrytest.Start(t, func(c *telemetry.Config) {
		c.Log.File = name
		c.Log.Format = telemetry.FormatPretty
	})
	rec.Logger().Info("hello", "password", "hunter2")
	if !strings.Contains(rec.Output(), "hello") {
		t.Errorf("stdout has no line: %s", rec.Output())
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(file, &line); err != nil || line["msg"] != "hello" || line["password"] != "[redacted]" {
		t.Errorf("file has %s: %v", file, err)
	}
}

func TestStart_Refuses(t *testing.T) {
	valid := telemetry.Config{ServiceName: "test", Log: telemetry.LogConfig{Output: io.Discard}}
	for name, change := range map[string]func(*telemetry.Config){
		"no name":        func(c *telemetry.Config) { c.ServiceName = "" },
		"unknown format": func(c *telemetry.Config) { c.Log.Format = "xml" },
		"bad pattern":    func(c *telemetry.Config) { c.RedactPatterns = []string{"("} },
		"no log file":    func(c *telemetry.Config) { c.Log.File = "/dev/null/x" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := valid
			change(&cfg)
			if _, err := telemetry.Start(t.Context(), cfg); err == nil {
				t.Error("it started")
			}
		})
	}
	t.Run("another protocol", func(t *testing.T) {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
		if _, err := telemetry.Start(t.Context(), valid); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_PROTOCOL") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLogger_AfterShutdown(t *testing.T) {
	var out strings.Builder
	tel, err := telemetry.Start(t.Context(), telemetry.Config{ServiceName: "test", Log: telemetry.LogConfig{Output: &out}})
	if err != nil {
		t.Fatal(err)
	}
	tel.Logger().Info("before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as the signal's context is
	if err := tel.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	tel.Logger().Info("after")
	if !strings.Contains(out.String(), "before") || !strings.Contains(out.String(), "after") {
		t.Errorf("wrote %s", out.String())
	}
}
