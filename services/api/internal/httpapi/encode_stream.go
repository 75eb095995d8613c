package httpapi

import (
	"encoding/json"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

type eventsBody struct {
	Items   []streamItemBody `json:"items"`
	Head    event.Cursor     `json:"head"`
	HasMore bool             `json:"hasMore"`
}

type streamItemBody struct {
	Position int64           `json:"position"`
	Cursor   event.Cursor    `json:"cursor"`
	Topics   []string        `json:"topics"`
	Event    json.RawMessage `json:"event"`
}

func newEventsBody(e drift.Events) eventsBody {
	return eventsBody{bodies(e.Items, newStreamItemBody), e.Head, e.HasMore}
}

func newStreamItemBody(i drift.StreamItem) streamItemBody {
	return streamItemBody{i.Cursor.Position, i.Cursor, i.Topics, i.Body}
}
