package drift

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Events is a part of an account's stream.
type Events struct {
	Items   []StreamItem
	Head    event.Cursor
	HasMore bool // after the last item
}

// StreamItem is an event in its place.
type StreamItem struct {
	Cursor event.Cursor
	Topics []string
	Body   []byte // the CloudEvents object
}

// StreamReader reads the account's stream.
type StreamReader interface {
	// Events are at most limit events after the position, in order, fewer when they are large; EventWindow is what can be read of the stream, with the
	// tag of the event at a position.
	Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error)
	EventWindow(ctx context.Context, account uuid.UUID, at int64) (event.Window, error)
}

// Events reads the stream after a cursor, or from the oldest event that is kept. A cursor that leads nowhere is a
// conflict: the caller has missed something.
func (s *Service) Events(ctx context.Context, p identity.Principal, after *event.Cursor, limit int) (Events, error) {
	var position int64
	if after != nil {
		position = after.Position
	}
	// The window is read second: what it says that is kept was kept when the events were read.
	events, err := s.store.Events(ctx, p.AccountID, position, limit)
	if err != nil {
		return Events{}, err
	}
	window, err := s.store.EventWindow(ctx, p.AccountID, position)
	if err != nil {
		return Events{}, err
	}
	if after != nil && !window.Resumable(*after) {
		return Events{}, apierror.New(apierror.Conflict,
			"the cursor leads nowhere in this stream: reload what you show, and go on from the head of a request without after")
	}
	part := Events{Items: make([]StreamItem, 0, len(events)), Head: window.HeadCursor()}
	last := max(position, window.TrimmedTo)
	for _, e := range events {
		last = e.Position
		part.Items = append(part.Items, StreamItem{event.Cursor{Epoch: window.Epoch, Mark: e.Mark()}, e.Topics, e.Body})
	}
	part.HasMore = last < window.Head
	return part, nil
}
