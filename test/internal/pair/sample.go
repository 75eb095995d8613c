package pair

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// samplePlan is what `terraform show -json` printed for a refresh-only plan with drift in it.
//
//go:embed sample.json
var samplePlan []byte

const (
	sampleWorkspace = "production"
	// watchPatience bounds the wait for the sample's events at a viewer's socket.
	watchPatience = 15 * time.Second
)

// sample is what became of the sample plan.
type sample struct {
	traceID string
	counts  client.Counts
	drifts  []client.Drift
	events  int           // that came to a viewer's socket
	live    time.Duration // from sending the plan to the last of them
}

// sendSample sends the plan as a CI job would, with a trace of its own, while a viewer's socket waits for what comes of
// it: the whole way through both services is tried before anyone is told that they run.
func (r *run) sendSample(ctx context.Context, c Credentials) (sample, error) {
	defer r.Console.Slowly("Sending the sample plan and waiting for its events …")()
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	plan, err := stamped(samplePlan, time.Now())
	if err != nil {
		return sample{}, err
	}
	viewer, err := client.New(r.apiURL(), client.WithRealtime(r.realtimeURL()), client.WithPassword(c.Viewer.Email, c.Viewer.Password))
	if err != nil {
		return sample{}, err
	}
	live := make(chan struct{}, 1)
	events := make(chan client.EventType, 1000)
	ended := make(chan error, 1)
	stream := viewer.Stream(client.StreamOptions{OnState: func(s client.State) {
		if s.Phase == client.Live {
			select {
			case live <- struct{}{}:
			default:
			}
		}
	}})
	followCtx, leave := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { ended <- forward(followCtx, stream, events) })
	defer following.Wait()
	defer leave()
	select {
	case <-live:
	case err := <-ended:
		return sample{}, fmt.Errorf("open the viewer's socket: %w", err)
	case <-ctx.Done():
		return sample{}, fmt.Errorf("open the viewer's socket: %w", context.Cause(ctx))
	}

	start := time.Now()
	s, err := r.ingest(ctx, c.APIKey, plan)
	if err != nil {
		return sample{}, err
	}
	if err := awaitEvents(ctx, &s, events, start); err != nil {
		return sample{}, err
	}
	r.awaitTrace(ctx, s.traceID)
	return s, nil
}

// forward sends the types of the stream's events on until ctx ends.
func forward(ctx context.Context, stream *client.Stream, types chan<- client.EventType) error {
	for e, err := range stream.Events(ctx) {
		if err != nil {
			return err
		}
		select {
		case types <- e.Type:
		case <-ctx.Done():
		}
	}
	return nil
}

// awaitEvents waits until the socket has had all that the check published.
func awaitEvents(ctx context.Context, s *sample, events <-chan client.EventType, start time.Time) error {
	drifts, checks := 0, 0
	for checks == 0 || drifts < s.counts.New+s.counts.Changed+s.counts.Resolved {
		select {
		case t := <-events:
			s.events++
			s.live = time.Since(start)
			if t == client.CheckCompleted {
				checks++
			} else if strings.HasPrefix(string(t), "drift.") {
				drifts++
			}
		case <-ctx.Done():
			return fmt.Errorf("the sample plan went in (trace %s), but its events did not come to the socket: %w", s.traceID, context.Cause(ctx))
		}
	}
	return nil
}

// awaitTrace waits until the sample's trace has reached us up to its end in realtime, so that it can be offered. That it
// does not come is no reason to stop: the caller may have it sent elsewhere.
func (r *run) awaitTrace(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, tracePatience)
	defer cancel()
	err := r.sink.WaitFor(ctx, func(s *otlpsink.Store) bool {
		trace, _ := s.Trace(id)
		return slices.ContainsFunc(trace.Spans, func(s otlpsink.Span) bool { return s.Kind == otlpsink.KindConsumer })
	})
	if err != nil {
		r.Console.Say("The sample's trace has not come here yet: %v", err)
	}
}

// ingest posts the plan below a span `ci`, which stands for the CI job and is recorded by us.
func (r *run) ingest(ctx context.Context, key string, plan []byte) (sample, error) {
	span := otlpsink.Span{
		TraceID: randomID(16), SpanID: randomID(8), Name: "ci", Kind: otlpsink.KindClient, Service: "ci", Scope: "launcher",
		Start: time.Now(), Status: otlpsink.StatusUnset, Sampled: true, Attributes: map[string]any{"driftsentry.workspace": sampleWorkspace},
	}
	ci, err := client.New(r.apiURL(), client.WithAPIKey(key), client.WithHeaders(func(_ context.Context, h http.Header) {
		h.Set("Traceparent", "00-"+span.TraceID+"-"+span.SpanID+"-01")
	}))
	if err != nil {
		return sample{}, err
	}
	result, err := ci.SendPlan(ctx, sampleWorkspace, bytes.NewReader(plan), client.PlanOptions{})
	span.End = time.Now()
	if err != nil {
		span.Status, span.StatusMessage = otlpsink.StatusError, err.Error()
	}
	r.sink.AddSpans(span)
	if err != nil {
		return sample{}, fmt.Errorf("send the sample plan (trace %s): %w", span.TraceID, err)
	}
	return sample{traceID: span.TraceID, counts: result.Check.Counts, drifts: result.Drifts}, nil
}

// stamped is the plan as if it had been made now. A plan that is older than the last one, or the same, changes nothing.
func stamped(plan []byte, now time.Time) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(plan, &fields); err != nil {
		return nil, fmt.Errorf("read the sample plan: %w", err)
	}
	stamp, err := json.Marshal(now.UTC().Format(time.RFC3339))
	if err != nil {
		return nil, fmt.Errorf("stamp the sample plan: %w", err)
	}
	fields["timestamp"] = stamp
	return json.Marshal(fields)
}

func randomID(size int) string {
	raw := make([]byte, size)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
