package load

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Result is the result of a run.
type Result struct {
	Took       time.Duration
	Operations []OperationResult
	Late       Summary // how late requests were sent, because of the generator or the connections; the latencies include it
	Sockets    int
	Delivery   Summary
	Events     int64          // in the stream during the run
	Repeated   int64          // received again after a reconnect, which is allowed
	Ends       map[string]int // how often the connections of sockets ended, by reason
	Unanswered map[string]int // requests without a response, by what happened to their connection
	Writes     int            // acknowledged ones
	Broken     Broken
}

// OperationResult has the results of the requests of one operation.
type OperationResult struct {
	Operation Operation
	Responses map[int]int // by status; 0 is no response
	Latency   Summary     // from when each was due
}

// Sent is the number of requests.
func (o OperationResult) Sent() (n int) {
	for _, count := range o.Responses {
		n += count
	}
	return n
}

// Failed is the number of requests without a response of status 200.
func (o OperationResult) Failed() int { return o.Sent() - o.Responses[http.StatusOK] }

// Broken has the counts that must be 0.
type Broken struct {
	Lost       int64 // events that a socket did not get
	Duplicated int64 // came twice over one connection, or are twice in the stream
	Reordered  int64 // came after a later one over one connection
	Resyncs    int64 // sockets whose cursor was too old for the server
	Missing    int64 // acknowledged writes that are not in the stream
}

// Whole reports whether all counts are 0.
func (b Broken) Whole() bool { return b == Broken{} }

func (b Broken) String() string {
	return fmt.Sprintf("%d lost, %d duplicated, %d reordered, %d sockets without their place, %d acknowledged writes missing",
		b.Lost, b.Duplicated, b.Reordered, b.Resyncs, b.Missing)
}

// Failed is the number of failed requests, of all operations.
func (r Result) Failed() (n int) {
	for _, o := range r.Operations {
		n += o.Failed()
	}
	return n
}

// Sent is the number of requests, of all operations.
func (r Result) Sent() (n int) {
	for _, o := range r.Operations {
		n += o.Sent()
	}
	return n
}

func (g *Generator) result(head event.Cursor, missed int64, c comparison) Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := Result{
		Took: g.drove, Late: g.late.Summary(), Sockets: len(g.sockets), Delivery: g.delivery.Summary(),
		Events: head.Position - g.began.Position, Repeated: g.repeated.Load(), Ends: maps.Clone(g.ends.m), Unanswered: maps.Clone(g.unanswered.m), Writes: len(g.writes),
		Broken: Broken{
			Lost: g.lost.Load() + missed + c.gaps, Duplicated: g.duplicated.Load() + c.twice, Reordered: g.reordered.Load(),
			Resyncs: g.resyncs.Load(), Missing: c.missing,
		},
	}
	for op := range Operation(operations) {
		if answers := g.answers[op]; len(answers) > 0 {
			r.Operations = append(r.Operations, OperationResult{op, maps.Clone(answers), g.latencies[op].Summary()})
		}
	}
	return r
}

// Progress is a line about the state of the run.
func (g *Generator) Progress() string {
	sent, failed := 0, 0
	g.mu.Lock()
	for _, answers := range g.answers {
		for status, n := range answers {
			sent += n
			if status != http.StatusOK {
				failed += n
			}
		}
	}
	g.mu.Unlock()
	line := fmt.Sprintf("%d of %d requests with a response, %d failed", sent, len(g.arrivals), failed)
	if len(g.sockets) > 0 {
		line += fmt.Sprintf("; %d deliveries to %d sockets, %d lost", g.received.Load(), len(g.sockets), g.lost.Load())
	}
	return line
}

// Table is the result as text for people.
func (r Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %9s %8s %9s %9s %9s %9s %9s\n", "", "count", "failed", "p50", "p90", "p99", "p99.9", "max")
	row := func(name string, count int64, failed string, s Summary) {
		fmt.Fprintf(&b, "%-9s %9d %8s %9s %9s %9s %9s %9s\n", name, count, failed, short(s.P50), short(s.P90), short(s.P99), short(s.P999), short(s.Max))
	}
	for _, o := range r.Operations {
		row(o.Operation.String(), int64(o.Sent()), fmt.Sprint(o.Failed()), o.Latency)
	}
	row("delivery", r.Delivery.Count, "", r.Delivery)
	row("sent late", r.Late.Count, "", r.Late)
	fmt.Fprintf(&b, "\n%d requests in %s, %.1f a second; a latency counts from when its request was due\n", r.Sent(), r.Took.Round(100*time.Millisecond), float64(r.Sent())/r.Took.Seconds())
	fmt.Fprintf(&b, "failed    %s\n", r.failures())
	if r.Sockets > 0 {
		fmt.Fprintf(&b, "events    %d to each of %d sockets; connections that ended: %s; came again after that: %d\n", r.Events, r.Sockets, list(r.Ends), r.Repeated)
	}
	fmt.Fprintf(&b, "writes    %d acknowledged\n", r.Writes)
	fmt.Fprintf(&b, "broken    %s\n", r.Broken)
	return b.String()
}

// failures lists the failed requests by status, as text.
func (r Result) failures() string {
	failed := map[string]int{}
	limited := false
	for _, o := range r.Operations {
		for status, n := range o.Responses {
			name := fmt.Sprint(status)
			if status == NoResponse {
				name = "no response"
			}
			if status != http.StatusOK {
				failed[name] += n
			}
			limited = limited || status == http.StatusTooManyRequests
		}
	}
	text := list(failed)
	if len(r.Unanswered) > 0 {
		text += "; without a response: " + list(r.Unanswered)
	}
	if limited {
		text += "." + hint(http.StatusTooManyRequests)
	}
	return text
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
