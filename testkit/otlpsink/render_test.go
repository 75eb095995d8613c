package otlpsink

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// sample is a trace with everything that a tree can show.
func sample() Trace {
	at := func(ms float64) time.Time {
		return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(ms * float64(time.Millisecond)))
	}
	s := NewStore(0)
	s.AddSpans(
		Span{TraceID: traceA, SpanID: "01", Name: "ci: drift check", Kind: KindClient, Service: "ci", Start: at(0), End: at(180)},
		Span{
			TraceID: traceA, SpanID: "02", ParentID: "01", Name: "POST /api/v1/ingest/plan", Kind: KindServer, Service: "api", Start: at(4), End: at(150),
			Attributes: map[string]any{"http.response.status_code": int64(200)},
		},
		Span{TraceID: traceA, SpanID: "03", ParentID: "02", Name: "plan.ingest", Kind: KindInternal, Service: "api", Start: at(10), End: at(140)},
		Span{TraceID: traceA, SpanID: "04", ParentID: "03", Name: "INSERT drift", Kind: KindClient, Service: "api", Start: at(20), End: at(20.34)},
		Span{
			TraceID: traceA, SpanID: "05", ParentID: "03", Name: "publish", Kind: KindProducer, Service: "api", Start: at(120), End: at(121),
		},
		Span{
			TraceID: traceA, SpanID: "06", ParentID: "05", Name: "process", Kind: KindConsumer, Service: "realtime", Start: at(150), End: at(160),
			Status: StatusError, StatusMessage: "socket \x1b[31mclosed\x07\nby peer", Links: []Link{{TraceID: strings.Repeat("ab", 16), SpanID: "09"}},
			Events: []Event{{Name: "exception", Attributes: map[string]any{"exception.type": "*net.OpError", "exception.message": "broken pipe"}}, {Name: "retry"}},
		},
		Span{TraceID: traceA, SpanID: "07", ParentID: "99", Name: strings.Repeat("a very long name ", 10), Kind: KindInternal, Service: "api", Start: at(170), End: at(2170)},
		Span{TraceID: traceA, SpanID: "08", ParentID: "09", Name: "circle one", Kind: KindInternal, Service: "api", Start: at(175), End: at(176)},
		Span{TraceID: traceA, SpanID: "09", ParentID: "08", Name: "circle two", Kind: KindInternal, Service: "api", Start: at(175), End: at(176)},
	)
	s.AddLogs(
		Log{TraceID: traceA, SpanID: "02", Time: at(149), Severity: "INFO", SeverityNumber: 9, Body: "request", Attributes: map[string]any{"status": int64(200), "path": "/api/v1/ingest/plan"}, Service: "api"},
		Log{TraceID: traceA, SpanID: "06", Time: at(155), Severity: "ERROR", SeverityNumber: 17, Body: "write failed", Service: "realtime"},
		Log{TraceID: traceA, SpanID: "03", Time: at(130), Severity: "WARN", SeverityNumber: 13, Body: strings.Repeat("long ", 60), Service: "api"},
		Log{TraceID: traceA, SpanID: "98", Time: at(130), Severity: "INFO", SeverityNumber: 9, Body: "of a span that is not here", Service: "api"},
	)
	trace, _ := s.Trace(traceA)
	return trace
}

func TestTrace_Render(t *testing.T) {
	for name, opts := range map[string]RenderOptions{"plain": {}, "colour": {Color: true}, "narrow": {Width: 80}} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := sample().Render(&out, opts); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "trace_"+name+".txt")
			if doctable.Updating() {
				if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("-want +got (go test -update writes it)\n%s", diff)
			}
			columns := opts.Width
			if columns == 0 {
				columns = defaultWidth
			}
			for line := range strings.Lines(out.String()) {
				if n := plainWidth(strings.TrimSuffix(line, "\n")); n > columns {
					t.Errorf("a line of %d columns, want at most %d: %q", n, columns, line)
				}
				if rest := strings.ReplaceAll(line, "\x1b[", ""); strings.ContainsAny(rest, "\x1b\x07") {
					t.Errorf("a control character of the sender's: %q", line)
				}
			}
		})
	}
	t.Run("an empty trace", func(t *testing.T) {
		var out strings.Builder
		if err := (Trace{ID: traceA}).Render(&out, RenderOptions{}); err != nil || !strings.Contains(out.String(), "0 spans") {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}
