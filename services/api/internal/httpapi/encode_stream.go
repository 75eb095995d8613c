package httpapi

import (
	"encoding/json"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

type eventsBody struct {
	Items   []json.RawMessage `json:"items"`
	Head    event.Cursor      `json:"head"`
	HasMore bool              `json:"hasMore"`
}

type streamItemBody struct {
	Position int64           `json:"position"`
	Cursor   event.Cursor    `json:"cursor"`
	Topics   []string        `json:"topics"`
	Event    json.RawMessage `json:"event"`
}

// newEventsBody has the events for which there is room, and one in any case.
func newEventsBody(e drift.Events) (eventsBody, error) {
	body, size := eventsBody{[]json.RawMessage{}, e.Head, e.HasMore}, 0
	for _, i := range e.Items {
		encoded, err := json.Marshal(streamItemBody{i.Cursor.Position, i.Cursor, i.Topics, i.Body})
		if err != nil {
			return body, err
		}
		if size += len(encoded) + 1; size > room && len(body.Items) > 0 {
			body.HasMore = true
			break
		}
		body.Items = append(body.Items, encoded)
	}
	return body, nil
}
