package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
)

// trace is the W3C trace context that the requests of a command carry: that of the job, or a new one, so that the trace's ID is known
// before the response comes.
type trace struct{ parent, state string }

var traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func (p *program) trace() trace {
	if parent := p.getenv("TRACEPARENT"); traceparent.MatchString(parent) && !strings.Contains(parent, "-"+strings.Repeat("0", 16)) {
		return trace{parent, p.getenv("TRACESTATE")}
	}
	id := make([]byte, 24)
	_, _ = rand.Read(id) // It does not fail.
	return trace{parent: "00-" + hex.EncodeToString(id[:16]) + "-" + hex.EncodeToString(id[16:]) + "-01"}
}

func (t trace) id() string { return t.parent[3:35] }

func (t trace) set(_ context.Context, h http.Header) {
	h.Set("Traceparent", t.parent)
	if t.state != "" {
		h.Set("Tracestate", t.state)
	}
}
