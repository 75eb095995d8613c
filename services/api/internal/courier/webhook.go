package courier

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// webhookMessage is the body of a webhook, as Standard Webhooks recommends it.
type webhookMessage struct {
	Type      event.Type  `json:"type"`
	Timestamp event.Time  `json:"timestamp"`
	Data      webhookData `json:"data"`
}

// webhookData is what happened. Events are those of the API's stream.
type webhookData struct {
	Summary    string            `json:"summary"`
	Workspace  *string           `json:"workspace"` // null when there are several
	Check      *event.CheckData  `json:"check"`
	EventCount int               `json:"eventCount"` // all of them; the list may have fewer
	Events     []json.RawMessage `json:"events"`
	Links      webhookLinks      `json:"links"`
	TraceID    string            `json:"traceId"`
}

type webhookLinks struct {
	Drifts     map[uuid.UUID]string `json:"drifts"`
	Workspaces map[string]string    `json:"workspaces"` // those without checks
	Trace      *string              `json:"trace"`
}

// webhook writes a message for a program.
func (l links) webhook(m *notify.Message) ([]byte, error) {
	made := webhookMessage{Type: m.Type, Timestamp: event.Time(m.At), Data: webhookData{
		Summary: title(m), Workspace: optional(m.Workspace), Check: m.Check, EventCount: m.Total, Events: make([]json.RawMessage, len(m.Events)),
		Links: webhookLinks{Drifts: map[uuid.UUID]string{}, Workspaces: map[string]string{}, Trace: optional(l.traceOf(m.TraceID))}, TraceID: m.TraceID,
	}}
	for i, e := range m.Events {
		made.Data.Events[i] = e.Body
	}
	for _, d := range m.Drifts {
		if url := l.drift(d.ID); url != "" {
			made.Data.Links.Drifts[d.ID] = url
		}
	}
	for _, w := range m.Stale {
		if url := l.workspace(w.Name); url != "" {
			made.Data.Links.Workspaces[w.Name] = url
		}
	}
	body, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("encode a message for a webhook: %w", err)
	}
	return body, nil
}

// optional is null in JSON when there is no text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
