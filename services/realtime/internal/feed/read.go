package feed

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// readStreams reads streams that are behind, one batch a turn, until ctx ends.
func (f *Feed) readStreams(ctx context.Context) {
	for {
		s, err := f.hub.Next(ctx)
		if err != nil {
			return
		}
		err = f.guard(func() error { return f.read(ctx, s) })
		// After an error the next check of the heads tries again.
		s.Done(err == nil)
		f.tell(ctx, err)
	}
}

// read publishes the next events of a stream. Its span is a root: the traces of the events are known only afterwards.
func (f *Feed) read(ctx context.Context, s *hub.Stream) (err error) {
	ctx, span := f.tel.Tracer().Start(ctx, "read events", trace.WithNewRoot(),
		trace.WithAttributes(attribute.String("driftsentry.account.id", s.Account().String())))
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}()
	head, wanted := s.Head(), s.Wanted()
	events, err := f.store.Events(ctx, s.Account(), head, f.config.Batch)
	if err != nil {
		return err
	}
	span.SetAttributes(attribute.Int("driftsentry.events", len(events)))
	if len(events) > 0 && events[0].Position == head+1 {
		if err := s.Publish(events); !errors.Is(err, hub.ErrGap) {
			return err
		}
	}
	return f.explain(ctx, s, wanted)
}

// explain finds out why the events after the stream's head could not be read.
func (f *Feed) explain(ctx context.Context, s *hub.Stream, wanted int64) error {
	w, err := f.store.Window(ctx, s.Account())
	if err != nil {
		return err
	}
	switch head := s.Head(); {
	case w.Epoch != s.Epoch():
		s.Reset(hub.ReasonEpoch, w)
	case w.TrimmedTo > head:
		s.Reset(hub.ReasonTrimmed, w)
	case w.Head < head:
		s.Reset(hub.ReasonAhead, w)
	case w.Head >= wanted && wanted > head:
		// Announced, but not readable: this can't happen, and reading again immediately would never end.
		return fmt.Errorf("the stream has a hole after position %d", head)
	default:
		s.Retract(wanted, w.Head) // A hint said more than was true.
	}
	return nil
}
