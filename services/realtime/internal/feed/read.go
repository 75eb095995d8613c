package feed

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
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
	place, wanted := s.Place(), s.Wanted()
	// Reading begins with the event that was published last, which proves that the stream is still the one that it was of.
	after, limit := place.Position, f.config.Batch
	if place.Tag != 0 {
		after, limit = after-1, limit+1
	}
	events, err := f.store.Events(ctx, s.Account(), after, limit)
	if err != nil {
		return err
	}
	if place.Tag != 0 {
		if len(events) == 0 || events[0].Mark() != place.Mark {
			return f.explain(ctx, s, place, wanted)
		}
		events = events[1:]
	}
	span.SetAttributes(attribute.Int("driftsentry.events", len(events)))
	if len(events) > 0 && events[0].Position == place.Position+1 {
		if err := s.Publish(events); !errors.Is(err, hub.ErrGap) {
			return err
		}
	}
	return f.explain(ctx, s, place, wanted)
}

// explain finds out why the events after the stream's place could not be read.
func (f *Feed) explain(ctx context.Context, s *hub.Stream, place event.Cursor, wanted hub.Claim) error {
	w, err := f.store.Window(ctx, s.Account(), place.Position)
	if err != nil {
		return err
	}
	switch {
	case s.Check(place, w):
	case w.TrimmedTo > place.Position, w.TrimmedTo == place.Position && place.Tag != 0 && w.At == 0:
		s.Reset(hub.ReasonTrimmed, w)
	case place.Tag != 0 && w.At != place.Tag:
		s.Reset(hub.ReasonEpoch, w)
	case w.Head >= wanted.Position && wanted.Position > place.Position:
		// Announced, but not readable: this can't happen, and reading again immediately would never end.
		return fmt.Errorf("the stream has a hole after position %d", place.Position)
	default:
		s.Retract(wanted, w.Head) // A hint said more than was true.
	}
	return nil
}
