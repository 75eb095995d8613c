package otlp

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// directLogs is what directSpans is for spans. The SDK's exporter takes no messages, so it gets empty records, as many as
// there are, and its connection replaces their message by the bytes.
type directLogs struct {
	sdklog.Exporter
	bytes []byte
	empty []sdklog.Record
}

type encodedLogs struct{}

// Export implements the SDK's Exporter, which exports one batch at a time.
func (e *directLogs) Export(ctx context.Context, records []sdklog.Record) error {
	b := appendLogs(e.bytes[:0], records)
	if cap(b) <= maxKept {
		e.bytes = b
	}
	if len(e.empty) < len(records) {
		e.empty = make([]sdklog.Record, len(records))
	}
	return e.Exporter.Export(context.WithValue(ctx, encodedLogs{}, b), e.empty[:len(records)])
}

// replaceLogs puts the bytes into the request.
func replaceLogs(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	encoded, ok := ctx.Value(encodedLogs{}).([]byte)
	if _, logs := request.(*collectorlogs.ExportLogsServiceRequest); ok && logs {
		whole := new(collectorlogs.ExportLogsServiceRequest)
		whole.ProtoReflect().SetUnknown(encoded)
		request = whole
	}
	return invoke(ctx, method, request, reply, conn, options...)
}

// The numbers of fields in OTLP's messages, which never change.
const (
	logsResource, logsScopes, logsSchema = 1, 2, 3

	resourceAttributes = 1

	scopeScope, scopeRecords, scopeSchema = 1, 2, 3

	scopeName, scopeVersion, scopeAttributes = 1, 2, 3

	recordTime, recordSeverity, recordLevel, recordBody, recordAttributes, recordDropped, recordFlags = 1, 2, 3, 5, 6, 7, 8

	recordTraceID, recordSpanID, recordObserved, recordEvent = 9, 10, 11, 12
)

// appendLogs writes a request. Records that follow each other share what they have in common, which is all of them.
func appendLogs(b []byte, records []sdklog.Record) []byte {
	for len(records) > 0 {
		first := &records[0]
		n := 1
		for n < len(records) && records[n].Resource() == first.Resource() && records[n].InstrumentationScope() == first.InstrumentationScope() {
			n++
		}
		b = appendResourceLogs(b, first, records[:n])
		records = records[n:]
	}
	return b
}

func appendResourceLogs(b []byte, first *sdklog.Record, records []sdklog.Record) []byte {
	b, whole := open(b, 1)
	b, start := open(b, logsResource)
	b = closed(appendAttributes(b, resourceAttributes, first.Resource().Attributes()), start)
	b, scope := open(b, logsScopes)
	b, start = open(b, scopeScope)
	b = appendText(b, scopeName, first.InstrumentationScope().Name)
	b = appendText(b, scopeVersion, first.InstrumentationScope().Version)
	attributes := first.InstrumentationScope().Attributes
	b = closed(appendAttributes(b, scopeAttributes, attributes.ToSlice()), start)
	for i := range records {
		b, start = open(b, scopeRecords)
		b = closed(appendLog(b, &records[i]), start)
	}
	b = closed(appendText(b, scopeSchema, first.InstrumentationScope().SchemaURL), scope)
	return closed(appendText(b, logsSchema, first.Resource().SchemaURL()), whole)
}

func appendLog(b []byte, r *sdklog.Record) []byte {
	b = appendTime(b, recordTime, r.Timestamp())
	b = appendNumber(b, recordSeverity, uint64(max(0, r.Severity()))) // The numbers are OTLP's.
	b = appendText(b, recordLevel, r.SeverityText())
	b, start := open(b, recordBody)
	b = closed(appendValue(b, r.Body()), start)
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		b = appendAttribute(b, recordAttributes, a)
		return true
	})
	b = appendNumber(b, recordDropped, count(r.DroppedAttributes()))
	if flags := r.TraceFlags(); flags != 0 {
		b = protowire.AppendFixed32(protowire.AppendTag(b, recordFlags, protowire.Fixed32Type), uint32(flags))
	}
	if id := r.TraceID(); id.IsValid() {
		b = appendBytes(b, recordTraceID, id[:])
	}
	if id := r.SpanID(); id.IsValid() {
		b = appendBytes(b, recordSpanID, id[:])
	}
	b = appendTime(b, recordObserved, r.ObservedTimestamp())
	return appendText(b, recordEvent, r.EventName())
}
