package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// EventType says what happened. Newer servers have more types: ignore those that are not known.
type EventType string

// The types.
const (
	DriftCreated    EventType = "drift.created"
	DriftUpdated    EventType = "drift.updated"
	DriftTriaged    EventType = "drift.triaged"
	DriftApproved   EventType = "drift.approved"
	DriftRejected   EventType = "drift.rejected"
	DriftReopened   EventType = "drift.reopened"
	DriftResolved   EventType = "drift.resolved"
	DriftExpired    EventType = "drift.expired"
	DriftCommented  EventType = "drift.commented"
	DriftAssigned   EventType = "drift.assigned"
	DriftSuppressed EventType = "drift.suppressed"
	DriftSurfaced   EventType = "drift.surfaced"
	AlertCreated    EventType = "alert.created"
	AlertRead       EventType = "alert.read"
	CheckCompleted  EventType = "check.completed"

	WorkspaceUpdated EventType = "workspace.updated"
	ChannelFailed    EventType = "channel.failed"
	WorkspaceStale   EventType = "workspace.stale"

	RuleCreated EventType = "rule.created"
	RuleUpdated EventType = "rule.updated"
	RuleEnded   EventType = "rule.ended"
)

// Event is one entry of an account's stream.
type Event struct {
	Position   int64    `json:"position"` // grows by one from event to event; other topics' events leave gaps
	Cursor     string   `json:"cursor"`   // store it when the event was handled
	Topics     []string `json:"topics"`
	CloudEvent `json:"event"`
}

// CloudEvent is the CloudEvents 1.0 object of an event.
type CloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            EventType       `json:"type"`
	Subject         string          `json:"subject"` // the id of the drift, alert, check, workspace or channel
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Traceparent     string          `json:"traceparent"` // to continue the trace of the cause
	Data            json.RawMessage `json:"data"`
}

// Actor is who did something.
type Actor struct {
	ID    string `json:"id"`
	Email string `json:"email,omitempty"` // empty for an API key
	Role  string `json:"role"`
}

// DriftChange is the data of the drift.* events: the drift after the change.
type DriftChange struct {
	ID                string       `json:"id"`
	Workspace         string       `json:"workspace"`
	ResourceID        string       `json:"resourceId"`
	ResourceType      string       `json:"resourceType"`
	Status            DriftStatus  `json:"status"`
	Severity          Severity     `json:"severity"`
	Version           int          `json:"version"`
	CostImpactMonthly float64      `json:"costImpactMonthly"`
	Actor             *Actor       `json:"actor"` // nil when the system did it
	Reason            string       `json:"reason,omitempty"`
	Owner             string       `json:"owner"`                // a team or a person; empty when there is none
	Comment           string       `json:"comment,omitempty"`    // of drift.commented
	Suppressed        *Suppression `json:"suppressed,omitempty"` // nil when no rule ignores all of it
}

// AlertChange is the data of the alert.* events. An alert.read without an ID is about Count alerts at once: those of the
// drift when there is a DriftID, else all that the user had not read.
type AlertChange struct {
	ID       string    `json:"id"`
	DriftID  string    `json:"driftId"`
	Type     AlertType `json:"type"`
	Severity Severity  `json:"severity"`
	Title    string    `json:"title"`
	IsRead   bool      `json:"isRead"`
	UserID   string    `json:"userId"` // who has read them; empty when they were settled for all
	Count    int       `json:"count"`
	Actor    *Actor    `json:"actor"`
}

// CheckChange is the data of check.completed.
type CheckChange struct {
	ID        string      `json:"id"`
	Workspace string      `json:"workspace"`
	Status    CheckStatus `json:"status"`
	Stale     bool        `json:"stale"`
	Counts    Counts      `json:"counts"`
}

// RuleChange is the data of the rule.* events: the rule after the change.
type RuleChange struct {
	ID        string     `json:"id"`
	Status    RuleStatus `json:"status"`
	Effect    RuleEffect `json:"effect"`
	Position  int        `json:"position"`
	Reason    string     `json:"reason"`
	ExpiresAt time.Time  `json:"expiresAt,omitzero"` // zero when someone has to end it
	Actor     *Actor     `json:"actor"`              // nil when it expired
}

// Rule reads the data of a rule.* event.
func (e CloudEvent) Rule() (RuleChange, error) { return eventData[RuleChange](e) }

// Drift reads the data of a drift.* event.
func (e CloudEvent) Drift() (DriftChange, error) { return eventData[DriftChange](e) }

// Alert reads the data of an alert.* event.
func (e CloudEvent) Alert() (AlertChange, error) { return eventData[AlertChange](e) }

// Check reads the data of a check.* event.
func (e CloudEvent) Check() (CheckChange, error) { return eventData[CheckChange](e) }

func eventData[T any](e CloudEvent) (data T, err error) {
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("read the data of %s %s: %w", e.Type, e.ID, err)
	}
	return data, nil
}

// EventPage is a part of the stream, read without a socket.
type EventPage struct {
	Items   []Event `json:"items"`
	Head    string  `json:"head"` // the cursor of the stream's end
	HasMore bool    `json:"hasMore"`
}

// ListEvents reads up to limit events (1 to 500, 100 for 0) after a cursor, or from the oldest that is kept when it is empty. A
// cursor that is no longer valid is CodeConflict: load the lists again, and continue from the Head of another page.
func (c *Client) ListEvents(ctx context.Context, after string, limit int) (EventPage, error) {
	query := url.Values{}
	set(query, "after", after)
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return get[EventPage](ctx, c, "/api/v1/events", query)
}

// Events reads the stream from a cursor (see ListEvents) to its current end. To continue from there, use Stream.
func (c *Client) Events(ctx context.Context, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			page, err := c.ListEvents(ctx, after, 500)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Items {
				if !yield(e, nil) {
					return
				}
				after = e.Cursor
			}
			if !page.HasMore || len(page.Items) == 0 {
				return
			}
		}
	}
}
