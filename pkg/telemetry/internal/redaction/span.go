package redaction

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanExporter masks secrets in spans on their way out, off the request's
// path.
type spanExporter struct {
	sdktrace.SpanExporter
	redactor *Redactor
}

// SpanExporter masks what it hands to the next exporter.
func (r *Redactor) SpanExporter(next sdktrace.SpanExporter) sdktrace.SpanExporter {
	return spanExporter{next, r}
}

func (e spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = e.redactor.span(span)
	}
	return e.SpanExporter.ExportSpans(ctx, clean)
}

// redactedSpan is a span with some of its parts replaced.
type redactedSpan struct {
	sdktrace.ReadOnlySpan
	name   string
	attrs  []attribute.KeyValue
	events []sdktrace.Event
	links  []sdktrace.Link
	status sdktrace.Status
}

func (s redactedSpan) Name() string                     { return s.name }
func (s redactedSpan) Attributes() []attribute.KeyValue { return s.attrs }
func (s redactedSpan) Events() []sdktrace.Event         { return s.events }
func (s redactedSpan) Links() []sdktrace.Link           { return s.links }
func (s redactedSpan) Status() sdktrace.Status          { return s.status }

// span masks a span; most come back as they are.
func (r *Redactor) span(s sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	clean := redactedSpan{ReadOnlySpan: s, name: r.Code(s.Name()), status: s.Status()}
	clean.status.Description = r.Text(clean.status.Description)
	changed := clean.name != s.Name() || clean.status != s.Status()

	var c bool
	clean.attrs, c = r.attributes(s.Attributes())
	changed = changed || c
	clean.events = make([]sdktrace.Event, len(s.Events()))
	for i, event := range s.Events() {
		event.Attributes, c = r.attributes(event.Attributes)
		changed = changed || c
		clean.events[i] = event
	}
	clean.links = make([]sdktrace.Link, len(s.Links()))
	for i, link := range s.Links() {
		link.Attributes, c = r.attributes(link.Attributes)
		changed = changed || c
		clean.links[i] = link
	}
	if !changed {
		return s
	}
	return clean
}

// attributes masks a list, which it copies only when something changes.
func (r *Redactor) attributes(attrs []attribute.KeyValue) ([]attribute.KeyValue, bool) {
	changed := false
	for i, kv := range attrs {
		value, c := r.value(kv)
		if !c {
			continue
		}
		if !changed {
			attrs, changed = append([]attribute.KeyValue(nil), attrs...), true
		}
		attrs[i].Value = value
	}
	return attrs, changed
}

func (r *Redactor) value(kv attribute.KeyValue) (attribute.Value, bool) {
	if r.key(string(kv.Key)) {
		return attribute.StringValue(redacted), true
	}
	switch kv.Value.Type() {
	case attribute.STRING:
		s := kv.Value.AsString()
		clean := r.Under(string(kv.Key), s)
		return attribute.StringValue(clean), clean != s
	case attribute.STRINGSLICE:
		list, changed := kv.Value.AsStringSlice(), false
		for i, s := range list {
			list[i] = r.Text(s)
			changed = changed || list[i] != s
		}
		return attribute.StringSliceValue(list), changed
	case attribute.SLICE:
		list, changed := kv.Value.AsSlice(), false
		for i, v := range list {
			var c bool
			list[i], c = r.value(attribute.KeyValue{Value: v})
			changed = changed || c
		}
		return attribute.SliceValue(list...), changed
	case attribute.MAP:
		members, changed := r.attributes(kv.Value.AsMap())
		return attribute.MapValue(members...), changed
	}
	return kv.Value, false
}
