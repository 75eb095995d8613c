package hub_test

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/testkit/pyroscopetest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// watched is a connection that looks at all goroutines, with their labels, while it is written to.
type watched struct {
	*peer
	goroutines string
}

func (w *watched) TryWrite(b []byte) (int, error) {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		return 0, err
	}
	w.goroutines = text.String()
	return w.peer.TryWrite(b)
}

// The profile of a delivery has the name of its span, and its ID.
func TestStream_profile(t *testing.T) {
	tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL = pyroscopetest.Start(t).URL() })
	s := newSource()
	h, err := hub.New(hub.Config{}, s, lines{}, tel.Telemetry)
	if err != nil {
		t.Fatal(err)
	}
	conn := &watched{peer: newPeer(-1)}
	sub, _, err := h.Join(t.Context(), account, conn)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Leave()
	subscribe(t, sub, "", "drifts")
	publish(t, h, s.append(1, "drifts"))
	id := tel.Span("process events").SpanContext.SpanID().String()
	if !strings.Contains(conn.goroutines, `# labels: {"span_id":"`+id+`", "span_name":"process events"}`) {
		t.Errorf("no goroutine has the labels of span %s:\n%s", id, conn.goroutines)
	}
}
