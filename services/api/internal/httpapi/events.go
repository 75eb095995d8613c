package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
)

// Bounds of a part of the stream.
const (
	defaultEvents = 100
	maxEvents     = 500
)

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	limit := q.integer("limit", defaultEvents, maxEvents)
	var after *event.Cursor
	if value, ok := q.value("after"); ok {
		cursor, err := event.ParseCursor(value)
		if err != nil {
			q.refuse("after", "must be a cursor that this service gave")
		}
		after = &cursor
	}
	if err := q.err(); err != nil {
		return err
	}
	events, err := s.drifts.Events(r.Context(), caller(r), after, limit)
	if err != nil {
		return err
	}
	body, err := newEventsBody(events)
	if err != nil {
		return err
	}
	return rest.OK(w, body)
}
