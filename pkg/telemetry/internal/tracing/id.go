package tracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
)

// IDs makes random IDs, except that the first root span of a request
// takes the trace ID that its trusted caller asked for. That span has no
// invented parent, as it would have if the wanted ID came in as a context.
type IDs struct{}

// NewIDs implements the SDK's IDGenerator; it is called for root spans only.
func (g IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if given, ok := ctx.Value(givenKey{}).(given); ok {
		return given.trace, given.span
	}
	id := request.From(ctx).TakeWantedID()
	for !id.IsValid() {
		putRandom(id[:8])
		putRandom(id[8:])
	}
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the SDK's IDGenerator.
func (IDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if given, ok := ctx.Value(givenKey{}).(given); ok {
		return given.span
	}
	var id trace.SpanID
	for !id.IsValid() {
		putRandom(id[:])
	}
	return id
}

type (
	givenKey struct{}
	given    struct {
		trace trace.TraceID
		span  trace.SpanID
	}
)

// WithIDs gives the IDs to the span that begins with this context: another program has made them.
func WithIDs(ctx context.Context, traceID trace.TraceID, spanID trace.SpanID) context.Context {
	return context.WithValue(ctx, givenKey{}, given{traceID, spanID})
}

func putRandom(b []byte) {
	binary.NativeEndian.PutUint64(b, rand.Uint64()) //nolint:gosec // an ID is unique, not secret
}

// ParseTraceID accepts a UUID or 32 hexadecimal digits in either case; the
// zero ID, which is none, is refused.
func ParseTraceID(s string) (trace.TraceID, bool) {
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
