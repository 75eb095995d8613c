package otlp

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// directSpans exports spans through OTLP's clients, which take messages of protobuf. The SDK's exporter makes three objects
// for each attribute and has them read by reflection, twice. Here a span's message is its bytes: protobuf writes the fields
// that it doesn't know as they came.
type directSpans struct {
	client otlptrace.Client
	bytes  []byte // of the last export; the SDK exports one batch at a time
}

// maxKept is how many bytes are kept for the next export: more than an ordinary batch of spans takes.
const maxKept = 1 << 20

// newDirectSpans starts the client.
func newDirectSpans(ctx context.Context, client otlptrace.Client) (*directSpans, error) {
	return &directSpans{client: client}, client.Start(ctx)
}

// ExportSpans implements the SDK's SpanExporter.
func (e *directSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	if err := e.client.UploadTraces(ctx, e.message(spans)); err != nil {
		return fmt.Errorf("traces export: %w", err)
	}
	return nil
}

// Shutdown implements the SDK's SpanExporter.
func (e *directSpans) Shutdown(ctx context.Context) error { return e.client.Stop(ctx) }

// scopeOf is what spans of one message have in common.
type scopeOf struct {
	resource attribute.Distinct
	scope    instrumentation.Scope
}

// message is valid until the next one is made.
func (e *directSpans) message(spans []sdktrace.ReadOnlySpan) []*tracepb.ResourceSpans {
	size := 0
	for _, s := range spans {
		size += spanSize(s)
	}
	if cap(e.bytes) < size {
		e.bytes = make([]byte, 0, size)
	}
	b := e.bytes[:0]
	messages := make([]tracepb.Span, len(spans))
	var all []*tracepb.ResourceSpans
	resources := map[attribute.Distinct]*tracepb.ResourceSpans{}
	scopes := map[scopeOf]*tracepb.ScopeSpans{}
	for i, s := range spans {
		start := len(b)
		b = appendSpan(b, s)
		messages[i].ProtoReflect().SetUnknown(b[start:len(b):len(b)])
		key := scopeOf{s.Resource().Equivalent(), s.InstrumentationScope()}
		scope := scopes[key]
		if scope == nil {
			scope = &tracepb.ScopeSpans{Scope: scopeMessage(key.scope), SchemaUrl: key.scope.SchemaURL}
			scopes[key] = scope
			resource := resources[key.resource]
			if resource == nil {
				resource = &tracepb.ResourceSpans{
					Resource: &resourcepb.Resource{Attributes: keyValues(s.Resource().Attributes())}, SchemaUrl: s.Resource().SchemaURL(),
				}
				resources[key.resource] = resource
				all = append(all, resource)
			}
			resource.ScopeSpans = append(resource.ScopeSpans, scope)
		}
		scope.Spans = append(scope.Spans, &messages[i])
	}
	if cap(b) <= maxKept {
		e.bytes = b
	}
	return all
}

func scopeMessage(s instrumentation.Scope) *commonpb.InstrumentationScope {
	if s == (instrumentation.Scope{}) {
		return nil
	}
	return &commonpb.InstrumentationScope{Name: s.Name, Version: s.Version, Attributes: keyValues(s.Attributes.ToSlice())}
}

func keyValues(attributes []attribute.KeyValue) []*commonpb.KeyValue {
	messages := make([]*commonpb.KeyValue, len(attributes))
	for i, a := range attributes {
		messages[i] = new(commonpb.KeyValue)
		// What was written a line before can be read.
		_ = proto.Unmarshal(appendKeyValue(nil, a), messages[i])
	}
	return messages
}

// The numbers of fields in OTLP's messages, which never change.
const (
	spanTraceID, spanSpanID, spanState, spanParent, spanName, spanKindField, spanStart, spanEnd = 1, 2, 3, 4, 5, 6, 7, 8

	spanAttributes, spanDroppedAttributes, spanEvents, spanDroppedEvents, spanLinks, spanDroppedLinks, spanStatus, spanFlags = 9, 10, 11, 12, 13, 14, 15, 16

	eventTime, eventName, eventAttributes, eventDropped = 1, 2, 3, 4

	linkAttributes, linkDropped, linkFlags = 4, 5, 6

	statusMessage, statusCode = 2, 3

	pairKey, pairValue = 1, 2

	valueString, valueBool, valueInt, valueDouble, valueArray, valueMap, valueBytes = 1, 2, 3, 4, 5, 6, 7
)

func appendSpan(b []byte, s sdktrace.ReadOnlySpan) []byte {
	sc, parent := s.SpanContext(), s.Parent()
	b = appendIDs(b, sc)
	b = appendText(b, spanState, sc.TraceState().String())
	if id := parent.SpanID(); id.IsValid() {
		b = appendBytes(b, spanParent, id[:])
	}
	b = appendText(b, spanName, s.Name())
	b = appendNumber(b, spanKindField, uint64(kindOf(s.SpanKind()))) //nolint:gosec // OTLP's kinds are not negative.
	b = appendTime(b, spanStart, s.StartTime())
	b = appendTime(b, spanEnd, s.EndTime())
	b = appendAttributes(b, spanAttributes, s.Attributes())
	b = appendNumber(b, spanDroppedAttributes, count(s.DroppedAttributes()))
	for _, e := range s.Events() {
		var start int
		b, start = open(b, spanEvents)
		b = appendTime(b, eventTime, e.Time)
		b = appendText(b, eventName, e.Name)
		b = appendAttributes(b, eventAttributes, e.Attributes)
		b = closed(appendNumber(b, eventDropped, count(e.DroppedAttributeCount)), start)
	}
	b = appendNumber(b, spanDroppedEvents, count(s.DroppedEvents()))
	for _, l := range s.Links() {
		var start int
		b, start = open(b, spanLinks)
		b = appendIDs(b, l.SpanContext)
		b = appendAttributes(b, linkAttributes, l.Attributes)
		b = appendNumber(b, linkDropped, count(l.DroppedAttributeCount))
		b = closed(appendFlags(b, linkFlags, l.SpanContext.TraceFlags(), l.SpanContext), start)
	}
	b = appendNumber(b, spanDroppedLinks, count(s.DroppedLinks()))
	b, start := open(b, spanStatus)
	b = appendText(b, statusMessage, s.Status().Description)
	b = closed(appendNumber(b, statusCode, uint64(codeOf(s.Status().Code))), start) //nolint:gosec // OTLP's codes are not negative.
	return appendFlags(b, spanFlags, sc.TraceFlags(), parent)
}

// appendIDs writes the IDs, which have the same numbers in spans and links.
func appendIDs(b []byte, sc trace.SpanContext) []byte {
	traceID, spanID := sc.TraceID(), sc.SpanID()
	return appendBytes(appendBytes(b, spanTraceID, traceID[:]), spanSpanID, spanID[:])
}

// appendFlags also tells that it is known whether the parent was remote, and whether it was.
func appendFlags(b []byte, field protowire.Number, flags trace.TraceFlags, parent trace.SpanContext) []byte {
	all := uint32(flags) | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if parent.IsRemote() {
		all |= uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), all)
}

// count is a number of the dropped ones, as OTLP has it.
func count(n int) uint64 { return uint64(min(max(n, 0), math.MaxUint32)) }

func kindOf(k trace.SpanKind) tracepb.Span_SpanKind {
	switch k {
	case trace.SpanKindInternal:
		return tracepb.Span_SPAN_KIND_INTERNAL
	case trace.SpanKindServer:
		return tracepb.Span_SPAN_KIND_SERVER
	case trace.SpanKindClient:
		return tracepb.Span_SPAN_KIND_CLIENT
	case trace.SpanKindProducer:
		return tracepb.Span_SPAN_KIND_PRODUCER
	case trace.SpanKindConsumer:
		return tracepb.Span_SPAN_KIND_CONSUMER
	case trace.SpanKindUnspecified:
	}
	return tracepb.Span_SPAN_KIND_UNSPECIFIED
}

func codeOf(c codes.Code) tracepb.Status_StatusCode {
	switch c {
	case codes.Ok:
		return tracepb.Status_STATUS_CODE_OK
	case codes.Error:
		return tracepb.Status_STATUS_CODE_ERROR
	case codes.Unset:
	}
	return tracepb.Status_STATUS_CODE_UNSET
}

func appendAttributes(b []byte, field protowire.Number, attributes []attribute.KeyValue) []byte {
	for _, a := range attributes {
		b = appendAttribute(b, field, a)
	}
	return b
}

func appendAttribute(b []byte, field protowire.Number, a attribute.KeyValue) []byte {
	b, start := open(b, field)
	return closed(appendKeyValue(b, a), start)
}

func appendKeyValue(b []byte, a attribute.KeyValue) []byte {
	b = appendText(b, pairKey, string(a.Key))
	b, start := open(b, pairValue)
	return closed(appendValue(b, a.Value), start)
}

// appendValue writes a value's one field, which is there also when it is 0.
func appendValue(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.STRING:
		return protowire.AppendString(protowire.AppendTag(b, valueString, protowire.BytesType), v.AsString())
	case attribute.INT64:
		return protowire.AppendVarint(protowire.AppendTag(b, valueInt, protowire.VarintType), uint64(v.AsInt64())) //nolint:gosec // The same bits, without their sign.
	case attribute.BOOL:
		return protowire.AppendVarint(protowire.AppendTag(b, valueBool, protowire.VarintType), protowire.EncodeBool(v.AsBool()))
	case attribute.FLOAT64:
		return protowire.AppendFixed64(protowire.AppendTag(b, valueDouble, protowire.Fixed64Type), math.Float64bits(v.AsFloat64()))
	case attribute.BYTESLICE:
		return protowire.AppendBytes(protowire.AppendTag(b, valueBytes, protowire.BytesType), v.AsByteSlice())
	case attribute.STRINGSLICE:
		return appendArray(b, v.AsStringSlice(), attribute.StringValue)
	case attribute.INT64SLICE:
		return appendArray(b, v.AsInt64Slice(), attribute.Int64Value)
	case attribute.BOOLSLICE:
		return appendArray(b, v.AsBoolSlice(), attribute.BoolValue)
	case attribute.FLOAT64SLICE:
		return appendArray(b, v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.SLICE:
		return appendArray(b, v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		b, start := open(b, valueMap)
		return closed(appendAttributes(b, 1, v.AsMap()), start)
	case attribute.EMPTY:
	}
	return b
}

func appendArray[T any](b []byte, list []T, value func(T) attribute.Value) []byte {
	b, whole := open(b, valueArray)
	for _, v := range list {
		var start int
		b, start = open(b, 1)
		b = closed(appendValue(b, value(v)), start)
	}
	return closed(b, whole)
}

// open begins a message within a message, with room for a length of one byte.
func open(b []byte, field protowire.Number) (_ []byte, start int) {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	return b, len(b)
}

// closed writes the length of the message that begins at start, for which it makes room if it takes more bytes.
func closed(b []byte, start int) []byte {
	n := uint64(len(b[start:]))
	if more := protowire.SizeVarint(n) - 1; more > 0 {
		b = append(b, "\x00\x00\x00\x00"[:more]...)
		copy(b[start+more:], b[start:])
	}
	protowire.AppendVarint(b[:start-1], n)
	return b
}

// What is empty or 0 is not written.

func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	if n := t.UnixNano(); n > 0 { //nolint:forbidigo // OTLP has times as this number.
		return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(n))
	}
	return b
}
