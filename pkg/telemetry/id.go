package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// idGenerator makes random IDs, except that the first root span of a request
// takes the trace ID that its trusted caller asked for. That span has no
// invented parent, as it would have if the wanted ID came in as a context.
type idGenerator struct{}

// NewIDs implements the SDK's IDGenerator; it is called for root spans only.
func (g idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id := requestFrom(ctx).takeWantedID()
	for !id.IsValid() {
		putRandom(id[:8])
		putRandom(id[8:])
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the SDK's IDGenerator.
func (idGenerator) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	for !id.IsValid() {
		putRandom(id[:])
	}
	return id
}

func putRandom(b []byte) {
	binary.NativeEndian.PutUint64(b, rand.Uint64()) //nolint:gosec // an ID is unique, not secret
}

// parseTraceID accepts a UUID or 32 hexadecimal digits in either case; the
// zero ID, which is none, is refused.
func parseTraceID(s string) (trace.TraceID, bool) {
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	var id trace.TraceID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return trace.TraceID{}, false
	}
	return id, id.IsValid()
}

// printable reports whether s is a correlation ID worth keeping: 1 to 128
// printable ASCII characters.
func printable(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
