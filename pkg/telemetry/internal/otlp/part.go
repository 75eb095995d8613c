package otlp

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxExport bounds the bytes of one export, which the SDK bounds by number alone:
// 512 spans with stacks and statements are 14 MiB. The collector's batches have
// the same bound, Loki takes 4 MiB.
const maxExport = 3 << 20

// inParts exports items in parts of at most maxExport. One item that is larger
// is an error, since the collector would drop it without counting it.
func inParts[T any](items []T, size func(T) int, export func([]T) error) error {
	var errs []error
	for len(items) > 0 {
		n, total := 1, size(items[0])
		for n < len(items) && total+size(items[n]) <= maxExport {
			total += size(items[n])
			n++
		}
		if total > maxExport {
			errs = append(errs, fmt.Errorf("dropped a span or log record of %d bytes; the most is %d", total, maxExport))
		} else {
			errs = append(errs, export(items[:n]))
		}
		items = items[n:]
	}
	return errors.Join(errs...)
}

// fieldSize is the most that a message or field of protobuf adds to its content:
// an attribute has three around its value.
const fieldSize = 6

// recordSize is the most that IDs, times, kinds and statuses take.
const recordSize = 128

func spanSize(s sdktrace.ReadOnlySpan) int {
	size := recordSize + len(s.Name()) + len(s.Status().Description) + len(s.SpanContext().TraceState().String()) + attributesSize(s.Attributes())
	for _, e := range s.Events() {
		size += recordSize + len(e.Name) + attributesSize(e.Attributes)
	}
	for _, l := range s.Links() {
		size += recordSize + len(l.SpanContext.TraceState().String()) + attributesSize(l.Attributes)
	}
	return size
}

func logSize(r sdklog.Record) int {
	size := recordSize + len(r.EventName()) + len(r.SeverityText()) + valueSize(r.Body())
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		size += attributeSize(a)
		return true
	})
	return size
}

func attributesSize(attributes []attribute.KeyValue) int {
	size := 0
	for _, a := range attributes {
		size += attributeSize(a)
	}
	return size
}

func attributeSize(a attribute.KeyValue) int { return 3*fieldSize + len(a.Key) + valueSize(a.Value) }

func valueSize(v attribute.Value) int {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.STRINGSLICE:
		size := 0
		for _, s := range v.AsStringSlice() {
			size += 2*fieldSize + len(s)
		}
		return size
	default: // Each of its numbers, of two characters at least, is one field.
		return 2 * fieldSize * (1 + len(v.String()))
	}
}
