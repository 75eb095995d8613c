package otlpsink

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

const defaultMaxRecords = 100_000

// Store keeps spans and log records by trace. Past its bound the traces that came first are forgotten, and log records
// outside any trace with them. It is safe for concurrent use; what its methods return is the caller's to keep, but not
// to change.
type Store struct {
	max int

	mu      sync.Mutex
	traces  map[string]*Trace // Records outside any trace are under "".
	order   []string          // The traces by arrival.
	size    int
	counts  Counts
	changed chan struct{} // Closed and renewed with every arrival.
}

// NewStore makes a store of at most maxRecords spans and log records, or 100,000 when it is 0.
func NewStore(maxRecords int) *Store {
	return &Store{max: cmp.Or(maxRecords, defaultMaxRecords), traces: map[string]*Trace{}, changed: make(chan struct{})}
}

// AddSpans takes spans in, as if they had been received.
func (s *Store) AddSpans(spans ...Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Spans += len(spans)
	for _, span := range spans {
		if t := s.room(span.TraceID); t != nil {
			t.Spans = append(t.Spans, span)
		}
	}
	s.announce()
}

// AddLogs takes log records in, as if they had been received.
func (s *Store) AddLogs(logs ...Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Logs += len(logs)
	for _, l := range logs {
		if t := s.room(l.TraceID); t != nil {
			t.Logs = append(t.Logs, l)
		}
	}
	s.announce()
}

func (s *Store) countMetrics(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Metrics += n
	s.announce()
}

// room is the trace to which one more record may be added. It is nil when that trace alone fills the store.
func (s *Store) room(id string) *Trace {
	for s.size >= s.max {
		if !s.evict(id) {
			s.counts.Dropped++
			return nil
		}
	}
	t := s.traces[id]
	if t == nil {
		t = &Trace{ID: id}
		s.traces[id] = t
		s.order = append(s.order, id)
	}
	s.size++
	return t
}

// evict forgets the trace that came first, other than the one to keep.
func (s *Store) evict(keep string) bool {
	i := slices.IndexFunc(s.order, func(id string) bool { return id != keep })
	if i < 0 {
		return false
	}
	id := s.order[i]
	n := len(s.traces[id].Spans) + len(s.traces[id].Logs)
	delete(s.traces, id)
	if i == 0 {
		s.order = s.order[1:] // Nearly always; Delete would move all the others.
	} else {
		s.order = slices.Delete(s.order, i, i+1)
	}
	s.size -= n
	s.counts.Dropped += n
	return true
}

func (s *Store) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Trace returns what arrived of a trace so far.
func (s *Store) Trace(id string) (Trace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.traces[id]
	if t == nil || id == "" {
		return Trace{}, false
	}
	return t.copy(), true
}

// Traces returns all traces in the order in which they came.
func (s *Store) Traces() []Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	traces := make([]Trace, 0, len(s.order))
	for _, id := range s.order {
		if id != "" {
			traces = append(traces, s.traces[id].copy())
		}
	}
	return traces
}

// Spans returns the spans of all traces, trace by trace.
func (s *Store) Spans() []Span {
	var spans []Span
	for _, t := range s.Traces() {
		spans = append(spans, t.Spans...)
	}
	return spans
}

// Logs returns all log records by time, those outside any trace too.
func (s *Store) Logs() []Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	var logs []Log
	for _, t := range s.traces {
		logs = append(logs, t.Logs...)
	}
	slices.SortStableFunc(logs, byTime)
	return logs
}

// Counts says what arrived since the start.
func (s *Store) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// WaitFor blocks until the condition holds, looking again with every arrival. The condition may call the store's
// methods. The error is not nil when ctx ends first.
func (s *Store) WaitFor(ctx context.Context, condition func(*Store) bool) error {
	for {
		s.mu.Lock()
		changed, counts := s.changed, s.counts
		s.mu.Unlock()
		if condition(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("what was waited for is not among %d spans and %d log records: %w", counts.Spans, counts.Logs, context.Cause(ctx))
		}
	}
}

// copy is the trace in its promised order, apart from the store's own.
func (t Trace) copy() Trace {
	c := Trace{ID: t.ID, Spans: slices.Clone(t.Spans), Logs: slices.Clone(t.Logs)}
	slices.SortStableFunc(c.Spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	slices.SortStableFunc(c.Logs, byTime)
	return c
}

func byTime(a, b Log) int { return a.Time.Compare(b.Time) }
