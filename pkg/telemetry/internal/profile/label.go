package profile

import (
	"context"
	"runtime/pprof"

	"go.opentelemetry.io/otel/trace"
)

// The labels, with the names that Pyroscope knows. A Pyroscope keeps span IDs beside the
// samples; older ones make a series of every other label's value, so trace IDs are only
// in the profiles that are taken by hand.
const (
	labelName  = "span_name"
	labelSpan  = "span_id"
	labelTrace = "trace_id"
)

// Wanted reports whether someone takes a profile now.
func (p *Profiles) Wanted() bool { return p != nil && (p.pusher != nil || p.taken.Load() > 0) }

// Do runs work so that its samples have labels: the name, and the span of the context. The
// goroutines that it starts inherit them. Without a profile being taken it only runs it.
func (p *Profiles) Do(ctx context.Context, name string, work func()) {
	if !p.Wanted() {
		work()
		return
	}
	pprof.Do(ctx, p.labels(trace.SpanContextFromContext(ctx), name), func(context.Context) { work() })
}

func (p *Profiles) labels(sc trace.SpanContext, name string) pprof.LabelSet {
	switch {
	case p.Pushed() && sc.IsSampled():
		return pprof.Labels(labelName, name, labelSpan, sc.SpanID().String())
	case !p.Pushed() && sc.HasTraceID():
		return pprof.Labels(labelName, name, labelTrace, sc.TraceID().String())
	}
	return pprof.Labels(labelName, name)
}
