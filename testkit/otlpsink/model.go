package otlpsink

import "time"

// Span is one span as it was received. IDs are lower-case hex; ParentID is empty for a root.
type Span struct {
	TraceID, SpanID, ParentID string
	Name                      string
	Kind                      Kind
	Service                   string // the resource's service.name
	Scope                     string // the instrumentation library
	Start, End                time.Time
	Status                    Status
	StatusMessage             string
	Attributes                map[string]any
	Resource                  map[string]any
	Links                     []Link
	Events                    []Event
	// RemoteParent says that the parent came over the wire, as far as the sender told.
	RemoteParent bool
	Sampled      bool
	TraceState   string
}

// Duration is how long the span took.
func (s Span) Duration() time.Duration { return s.End.Sub(s.Start) }

// Kind is a span's kind in the words of the specification.
type Kind string

// The kinds of spans.
const (
	KindInternal Kind = "internal"
	KindServer   Kind = "server"
	KindClient   Kind = "client"
	KindProducer Kind = "producer"
	KindConsumer Kind = "consumer"
)

// Status is a span's outcome.
type Status string

// The outcomes of spans.
const (
	StatusUnset Status = "unset"
	StatusOK    Status = "ok"
	StatusError Status = "error"
)

// Link is a span's pointer to a span that is not its parent.
type Link struct {
	TraceID, SpanID string
	Attributes      map[string]any
}

// Event is a moment within a span, an exception above all.
type Event struct {
	Time       time.Time
	Name       string
	Attributes map[string]any
}

// Log is one log record as it was received. TraceID and SpanID are empty outside a trace.
type Log struct {
	TraceID, SpanID string
	Time            time.Time
	Severity        string // as the sender writes it: "INFO"
	SeverityNumber  int    // 1 to 24 of the specification: 9 is info, 13 warn, 17 error
	Body            string
	Attributes      map[string]any
	Resource        map[string]any
	Service         string
	Scope           string
}

// Trace is what is known of one trace, spans by start and log records by time.
type Trace struct {
	ID    string
	Spans []Span
	Logs  []Log
}

// Counts is what arrived since the start. Dropped counts spans and log records that were evicted or found no room.
type Counts struct {
	Spans, Logs, Metrics, Dropped int
}
