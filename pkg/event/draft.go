package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Draft is an event that is not yet part of a trace and has no position in a stream.
type Draft struct {
	Type    Type
	Subject uuid.UUID
	Topics  []string
	Data    any // DriftData, AlertData, CheckData, WorkspaceData, WorkspaceStaleData, ChannelData or RuleData
}

// Event completes the draft with its CloudEvents body. The traceparent is that of the span that publishes it.
func (d Draft) Event(account, id uuid.UUID, at time.Time, traceparent string) (Event, error) {
	data, err := json.Marshal(d.Data)
	if err != nil {
		return Event{}, fmt.Errorf("encode the data of %s: %w", d.Type, err)
	}
	body, err := json.Marshal(CloudEvent{
		SpecVersion: "1.0", ID: id, Source: Source, Type: d.Type, Subject: d.Subject.String(),
		Time: Time(at), DataContentType: "application/json", Traceparent: traceparent, Data: data,
	})
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", d.Type, err)
	}
	return Event{AccountID: account, ID: id, Type: d.Type, Topics: d.Topics, Body: body, Traceparent: traceparent}, nil
}
