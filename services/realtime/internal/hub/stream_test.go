package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

func TestStream_Publish(t *testing.T) {
	s := newSource()
	h, tel := newHub(t, s, hub.Config{})
	p := newPeer(-1)
	sub := join(t, h, p)
	defer sub.Leave()
	subscribe(t, sub, "", "drifts")
	stream := h.Streams()[0]
	// Mutation: Publish takes whatever comes.
	t.Run("a gap is refused", func(t *testing.T) {
		if err := stream.Publish([]event.Event{{Position: 2}}); !errors.Is(err, hub.ErrGap) {
			t.Errorf("err = %v", err)
		}
		if err := stream.Publish([]event.Event{{Position: 1}, {Position: 3}}); !errors.Is(err, hub.ErrGap) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("one span for a run of one trace, child of its publish", func(t *testing.T) {
		events := s.append(4, "drifts")
		for i := range events {
			events[i].Traceparent = fmt.Sprintf("00-%032x-00000000000000aa-01", 7+i/3)
		}
		if err := stream.Publish(events); err != nil {
			t.Fatal(err)
		}
		spans := tel.Spans()
		if len(spans) != 2 {
			t.Fatalf("%d spans, want 2", len(spans))
		}
		for i, span := range spans {
			if got := span.SpanContext.TraceID().String(); got != fmt.Sprintf("%032x", 7+i) || span.Parent.SpanID().String() != "00000000000000aa" {
				t.Errorf("span %d is of trace %s, below %s", i, got, span.Parent.SpanID())
			}
			if span.Name != "process events" || span.SpanKind != trace.SpanKindConsumer {
				t.Errorf("span %d is a %v %q", i, span.SpanKind, span.Name)
			}
		}
		if !strings.Contains(tel.Metrics(), fmt.Sprintf(`trace_id="%032x"`, 8)) {
			t.Error("the delivery's duration has no exemplar of the trace")
		}
	})
	t.Run("an unsampled publish makes an unsampled delivery", func(t *testing.T) {
		tel.Reset()
		events := s.append(1, "drifts")
		events[0].Traceparent = "00-00000000000000000000000000000009-00000000000000aa-00"
		if err := stream.Publish(events); err != nil {
			t.Fatal(err)
		}
		if spans := tel.Spans(); len(spans) > 0 {
			t.Errorf("%d spans", len(spans))
		}
	})
	t.Run("a replay is a root, linked", func(t *testing.T) {
		tel.Reset()
		late := newPeer(-1)
		lateSub := join(t, h, late)
		defer lateSub.Leave()
		subscribe(t, lateSub, "e1:0", "drifts")
		span := tel.Span("process events")
		if span.Parent.IsValid() || len(span.Links) != 3 {
			t.Errorf("parent %v, %d links", span.Parent, len(span.Links))
		}
		if span.Links[0].SpanContext.TraceID().String() != fmt.Sprintf("%032x", 7) {
			t.Errorf("linked to %v", span.Links[0].SpanContext.TraceID())
		}
	})
}

// Mutation: a subscriber doesn't look at the ring's generation.
func TestStream_Reset(t *testing.T) {
	s := newSource()
	s.append(10, "drifts")
	h, _ := newHub(t, s, hub.Config{})
	p, waiting := newPeer(-1), newPeer(-1)
	sub, idle := join(t, h, p), join(t, h, waiting)
	defer sub.Leave()
	defer idle.Leave()
	subscribe(t, sub, "", "drifts")
	stream := h.Streams()[0]
	stream.Reset(hub.ReasonEpoch, event.Window{Epoch: "e2", Head: 4})
	if err := stream.Publish([]event.Event{{Position: 5, Topics: []string{"drifts"}}}); err != nil {
		t.Fatal(err)
	}
	if got, want := p.text(), "ack drifts\nresync epoch e2:4\nevent e2:5 \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// One that has not subscribed yet is told when it does.
	subscribe(t, idle, "", "drifts")
	if got, want := waiting.text(), "resync epoch e2:4\nevent e2:5 \n"; strings.ReplaceAll(got, "ack drifts\n", "") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHub_accounts_are_isolated(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s, hub.Config{})
	mine, theirs := newPeer(-1), newPeer(-1)
	sub := join(t, h, mine)
	defer sub.Leave()
	other, _, err := h.Join(t.Context(), uuid.New(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Leave()
	subscribe(t, sub, "", "drifts")
	subscribe(t, other, "", "drifts")
	for _, stream := range h.Streams() {
		if stream.Account() == account {
			if err := stream.Publish(s.append(1, "drifts")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(mine.positions(t)) != 1 || len(theirs.positions(t)) != 0 {
		t.Errorf("mine: %q, theirs: %q", mine.text(), theirs.text())
	}
}

func TestHub_Next(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s, hub.Config{})
	sub := join(t, h, newPeer(-1))
	t.Run("a stream is handed out once, and again when more is wanted", func(t *testing.T) {
		for range 3 {
			h.Hint(account, event.Mark{Position: 5})
		}
		stream, err := h.Next(t.Context())
		if err != nil || stream.Account() != account || h.Status().Lag != 5 {
			t.Fatalf("%v, %v, %+v", stream, err, h.Status())
		}
		h.Hint(account, event.Mark{Position: 6})
		stream.Done(true) // still behind
		if again, err := h.Next(t.Context()); err != nil || again != stream {
			t.Errorf("%v, %v", again, err)
		}
		stream.Retract(stream.Wanted(), 0)
		stream.Done(true)
	})
	// Mutation: Retract does not look at what was heard since (the stream is not handed out again).
	t.Run("a true hint beside a wrong one is not lost", func(t *testing.T) {
		h.Hint(account, event.Mark{Position: 1000})
		stream, err := h.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wrong := stream.Wanted()
		h.Hint(account, event.Mark{Position: 1}) // after the window was read, before the claim is taken back
		stream.Retract(wrong, 0)
		stream.Done(true)
		if lag := h.Status().Lag; lag != 1 {
			t.Fatalf("a lag of %d", lag)
		}
		if again, err := h.Next(t.Context()); err != nil || again != stream {
			t.Errorf("%v, %v", again, err)
		}
		stream.Retract(stream.Wanted(), 0)
		stream.Done(true)
	})
	t.Run("nothing is handed out when no subscriber is behind", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if s, err := h.Next(ctx); err == nil {
				t.Errorf("got %v", s.Account())
			}
		})
		cancel()
		wg.Wait()
	})
	t.Run("a hint for an account without connections does nothing", func(t *testing.T) {
		if news, _ := h.Hint(uuid.New(), event.Mark{Position: 5}); news {
			t.Error("it was news")
		}
		sub.Leave()
		if news, _ := h.Hint(account, event.Mark{Position: 50}); news {
			t.Error("it was news after the last connection left")
		}
	})
	t.Run("a stream that can't be opened is not kept", func(t *testing.T) {
		s.fail = errGone
		if _, _, err := h.Join(t.Context(), account, newPeer(-1)); !errors.Is(err, errGone) {
			t.Errorf("err = %v", err)
		}
		s.fail = nil
		again := join(t, h, newPeer(-1))
		again.Leave()
	})
}
