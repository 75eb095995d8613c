package tracing

import (
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
)

func TestIDGenerator(t *testing.T) {
	wanted := trace.TraceID{1, 2, 3}
	ctx := request.With(t.Context(), &request.Request{WantedID: wanted})
	if id, span := (IDs{}).NewIDs(ctx); id != wanted || !span.IsValid() {
		t.Errorf("the first root got %s, want the ID that was asked for", id)
	}
	if id, _ := (IDs{}).NewIDs(ctx); id == wanted {
		t.Error("a second root got the ID of the first")
	}
	a, _ := IDs{}.NewIDs(t.Context())
	b, _ := IDs{}.NewIDs(t.Context())
	if !a.IsValid() || a == b {
		t.Errorf("got %s and %s", a, b)
	}
}

func FuzzParseTraceID(f *testing.F) {
	for _, s := range []string{"", "0af7651916cd43dd8448eb211c80319c", "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "zz", "00000000000000000000000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := ParseTraceID(s)
		if ok != id.IsValid() {
			t.Errorf("%q: %s, %t", s, id, ok)
		}
		if ok && len(s) != 32 && len(s) != 36 {
			t.Errorf("%q was taken", s)
		}
	})
}
