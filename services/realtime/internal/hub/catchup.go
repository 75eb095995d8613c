package hub

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// fallBehind gives the connection its own goroutine, which may wait for it. s.mu is held.
func (s *Subscriber) fallBehind() {
	s.state = catching
	ctx, cut := context.WithCancel(context.Background())
	s.cut = cut
	h := s.stream.hub
	h.catchingMu.Lock()
	h.catching[s]++ // The previous goroutine may not have ended.
	h.catchingMu.Unlock()
	h.writers.Go(func() {
		defer func() {
			h.catchingMu.Lock()
			defer h.catchingMu.Unlock()
			h.catching[s]--
			if h.catching[s] == 0 {
				delete(h.catching, s)
			}
			if len(h.catching) == 0 {
				h.replays.forget(nil)
			}
		}()
		defer cut()
		// The goroutine that made it fall behind may have left labels of its own.
		h.tel.Profiled(ctx, spanProcess, func() { s.recovering(ctx) })
	})
}

// recovering catches up; a panic costs this connection only.
func (s *Subscriber) recovering(ctx context.Context) {
	var err error
	func() {
		defer telemetry.RecoverTo(&err)
		s.catchUp(ctx)
	}()
	if err != nil {
		s.stream.hub.tel.Report(ctx, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finish(err)
	}
}

// catchUp writes until the connection has everything, or ends.
func (s *Subscriber) catchUp(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.state == catching {
		p, todo := s.pull()
		switch todo {
		case nothing:
			s.state, s.cut = live, nil
			s.endReplay()
			return
		case finish:
			s.finish(nil)
		case read:
			s.readSource(ctx)
		case write:
			s.writeWaiting(p)
		}
	}
}

// writeWaiting writes some of p. s.mu is not held while it waits.
func (s *Subscriber) writeWaiting(p piece) {
	var n int
	var err error
	s.unlocked(func() { n, err = s.conn.WriteSome(p.bytes, s.stream.hub.config.Stall) })
	if s.state == ended {
		return
	}
	if delivered := s.wrote(p, n); delivered > 0 {
		s.stream.hub.instruments.delivered(context.Background(), modeReplay, delivered)
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && !s.closing:
		// It gets the same time again to read the end of its last frame and the close frame.
		s.queue = nil
		s.unlocked(s.conn.TooSlow)
	default:
		s.finish(err)
	}
}

// readSource reads the events that the ring no longer has. s.mu is not held while it waits.
func (s *Subscriber) readSource(ctx context.Context) {
	s.startReplay()
	ctx = trace.ContextWithSpan(ctx, s.span)
	position, generation := s.position.Load(), s.generation
	var blocks []*block
	var window event.Window
	var err error
	s.unlocked(func() { blocks, window, err = s.stream.hub.replays.after(ctx, s.stream, generation, position) })
	switch {
	case s.state == ended || s.closing || s.generation != generation:
	case err != nil:
		s.stream.hub.tel.Logger().LogAttrs(ctx, slog.LevelDebug, "a connection could not read what it missed; it will try again",
			slog.String("accountId", s.stream.account.String()), slog.String("error.message", err.Error()))
		s.unlocked(func() { wait(ctx, s.stream.hub.config.Retry) })
	case len(blocks) > 0:
		s.replay = blocks
	default:
		s.stream.hub.instruments.resumed(ctx, ReasonTrimmed)
		s.resync(ReasonTrimmed, window.HeadCursor())
	}
}

// unlocked does something that waits, without holding s.mu. It locks s.mu again afterwards, even after a panic.
func (s *Subscriber) unlocked(do func()) {
	s.mu.Unlock()
	defer s.mu.Lock()
	do()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// maxLinks bounds the links of a replay's span.
const maxLinks = 32

// startReplay starts the span of a replay: a root, because it belongs to the client that reconnected, linked to the
// traces that caused the events. s.mu is held.
func (s *Subscriber) startReplay() {
	if s.span != nil {
		return
	}
	_, s.span = s.stream.hub.tel.Tracer().Start( //nolint:spancheck // endReplay ends it.
		context.Background(), spanProcess, trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(replayAttributes(s.stream.account)...))
	s.links, s.linked = 0, ""
}

// link adds to the replay's span the trace that caused the next events.
func (s *Subscriber) link(b *block) {
	if s.span == nil || s.links == maxLinks || s.linked == b.traceparent {
		return
	}
	s.linked = b.traceparent
	ctx := telemetry.LocalParent(context.Background(), b.traceparent)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		s.span.AddLink(trace.Link{SpanContext: sc})
		s.links++
	}
}

func (s *Subscriber) endReplay() {
	if s.span == nil {
		return
	}
	s.span.SetAttributes(attrPosition.Int64(s.position.Load()))
	s.span.End()
	s.span = nil
}
