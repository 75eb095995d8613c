// Package event is the contract between the two services: the envelope that api stores and realtime delivers, the
// event types and their data, the topics and the cursor.
//
// An account's events form one stream. Each has the next position of that stream, given in the transaction that
// commits it, so the stream has no gaps and is ordered by commit.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Type is the type of an event, as clients see it.
type Type string

// The types.
const (
	DriftCreated    Type = "drift.created"
	DriftUpdated    Type = "drift.updated"
	DriftTriaged    Type = "drift.triaged"
	DriftApproved   Type = "drift.approved"
	DriftRejected   Type = "drift.rejected"
	DriftReopened   Type = "drift.reopened"
	DriftResolved   Type = "drift.resolved"
	DriftExpired    Type = "drift.expired"
	DriftCommented  Type = "drift.commented"
	DriftAssigned   Type = "drift.assigned"
	DriftSuppressed Type = "drift.suppressed"
	DriftSurfaced   Type = "drift.surfaced"
	AlertCreated    Type = "alert.created"
	AlertRead       Type = "alert.read"
	CheckCompleted  Type = "check.completed"

	WorkspaceUpdated Type = "workspace.updated"
	ChannelFailed    Type = "channel.failed"
	WorkspaceStale   Type = "workspace.stale"

	RuleCreated Type = "rule.created"
	RuleUpdated Type = "rule.updated"
	RuleEnded   Type = "rule.ended"
)

// The topics that every client may subscribe to; a single drift also has the topic DriftTopic(id).
const (
	TopicDrifts = "drifts"
	TopicAlerts = "alerts"
	TopicChecks = "checks"

	driftTopicPrefix = "drift:"
)

// DriftTopic is the topic of one drift.
func DriftTopic(id uuid.UUID) string { return driftTopicPrefix + id.String() }

// ValidTopic reports whether a client may subscribe to the topic.
func ValidTopic(topic string) bool {
	switch topic {
	case TopicDrifts, TopicAlerts, TopicChecks:
		return true
	}
	id, ok := strings.CutPrefix(topic, driftTopicPrefix)
	return ok && len(id) == 36 && uuid.Validate(id) == nil
}

// Event is one entry of an account's stream.
type Event struct {
	AccountID   uuid.UUID
	Position    int64
	ID          uuid.UUID
	Type        Type
	Topics      []string
	Body        json.RawMessage // the CloudEvents object, sent unchanged
	Traceparent string          // context of the PRODUCER span "publish events"
	CreatedAt   time.Time       // just before the commit
}

// Mark is the event's place in its stream.
func (e Event) Mark() Mark { return Mark{e.Position, TagOf(e.ID)} }

// CloudEvent is the JSON shape of an event: CloudEvents 1.0 with the distributed tracing extension.
type CloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              uuid.UUID       `json:"id"`
	Source          string          `json:"source"`
	Type            Type            `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            Time            `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Traceparent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// Source is the CloudEvents source of everything that api publishes.
const Source = "/driftsentry/api"

// Actor is the user or key that caused an event; nil for the system.
type Actor struct {
	ID    string `json:"id"`
	Email string `json:"email,omitempty"`
	Role  string `json:"role"`
}

// DriftData is the data of every drift.* event.
type DriftData struct {
	ID                uuid.UUID `json:"id"`
	Workspace         string    `json:"workspace"`
	ResourceID        string    `json:"resourceId"`
	ResourceType      string    `json:"resourceType"`
	Status            string    `json:"status"`
	Severity          string    `json:"severity"`
	Version           int       `json:"version"`
	CostImpactMonthly float64   `json:"costImpactMonthly"`
	Actor             *Actor    `json:"actor"`
	Reason            string    `json:"reason,omitempty"`
	Owner             *string   `json:"owner"`
	// Comment is that of drift.commented.
	Comment string `json:"comment,omitempty"`

	// Suppressed says which rule ignores all of the drift; absent when none does.
	Suppressed *Suppression `json:"suppressed,omitempty"`
}

// Suppression is why a drift is suppressed, and until when.
type Suppression struct {
	Rule   uuid.UUID `json:"rule"`
	Reason string    `json:"reason"`
	Until  *Time     `json:"until"` // null when someone has to end it
}

// RuleData is the data of the rule.* events: the rule as it is now.
type RuleData struct {
	ID        uuid.UUID `json:"id"`
	Status    string    `json:"status"`
	Effect    string    `json:"effect"`
	Position  int       `json:"position"`
	Reason    string    `json:"reason"`
	ExpiresAt *Time     `json:"expiresAt"` // null when someone has to end it
	Actor     *Actor    `json:"actor"`
}

// AlertData is the data of alert.created and alert.read. For alert.read, a nil ID means Count alerts together:
// all of a drift's when DriftID is set, else all of the account's.
type AlertData struct {
	ID       *uuid.UUID `json:"id"`
	DriftID  *uuid.UUID `json:"driftId"`
	Type     string     `json:"type,omitempty"`
	Severity string     `json:"severity,omitempty"`
	Title    string     `json:"title,omitempty"`
	IsRead   bool       `json:"isRead"`
	UserID   *uuid.UUID `json:"userId,omitempty"` // who read it; nil when it was settled for all
	Count    int        `json:"count"`
	Actor    *Actor     `json:"actor"`
}

// CheckData is the data of check.completed.
type CheckData struct {
	ID        uuid.UUID `json:"id"`
	Workspace string    `json:"workspace"`
	Status    string    `json:"status"`
	Stale     bool      `json:"stale"`
	Counts    Counts    `json:"counts"`

	Evidence      *Evidence `json:"evidence,omitempty"`
	RootMismatch  bool      `json:"rootMismatch,omitempty"`
	Purpose       string    `json:"purpose,omitempty"`
	FailureReason string    `json:"failureReason,omitempty"`
	LeftOut       int       `json:"leftOut,omitempty"`
	Ref           string    `json:"ref,omitempty"`
	Commit        string    `json:"commit,omitempty"`
	RunURL        string    `json:"runUrl,omitempty"`
	TriggeredBy   string    `json:"triggeredBy,omitempty"`
}

// Evidence is what a check proves about the open drifts that it does not show.
type Evidence struct {
	Refreshed string   `json:"refreshed"`
	Coverage  string   `json:"coverage"`
	Mode      string   `json:"mode,omitempty"` // absent when the plan does not tell
	Unproven  int      `json:"unproven"`
	Reasons   []string `json:"reasons"`
}

// WorkspaceData is the data of workspace.updated: the settings as they are now.
type WorkspaceData struct {
	ID         uuid.UUID `json:"id"`
	Name       string    `json:"name"`
	RecordRef  *string   `json:"recordRef"` // null when the plans of every ref are recorded
	AcceptRoot bool      `json:"acceptRoot"`
	Owner      *string   `json:"owner"`      // a team or a person
	StaleAfter *int      `json:"staleAfter"` // in seconds; null when it is as configured for all
	Archived   bool      `json:"archived"`
	Actor      *Actor    `json:"actor"`
}

// ChannelData is the data of channel.failed: the first notification since the last success was given up.
type ChannelData struct {
	ID         uuid.UUID `json:"id"`
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`
	DeliveryID uuid.UUID `json:"deliveryId"` // of the notification
	Reason     string    `json:"reason"`
}

// WorkspaceStaleData is the data of workspace.stale: no check of it came for too long.
type WorkspaceStaleData struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Owner       *string   `json:"owner"` // a team or a person
	LastCheckAt Time      `json:"lastCheckAt"`
	Actor       *Actor    `json:"actor"` // nil, as for all that the system does
}

// Counts is the result of one check of a workspace.
type Counts struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Resolved  int `json:"resolved"`
	// Suppressed is how many of those that the plan shows rules ignore. They are in none of the others.
	Suppressed int `json:"suppressed"`
}

// Time prints as RFC 3339 in UTC with milliseconds, like all times in responses and events.
type Time time.Time //nolint:recvcheck // Encoding takes the value and decoding the pointer, as time.Time itself does.

// AppendTime appends what Time prints, with its quotation marks. For RFC 3339 without a fraction, package time has a
// fast path, which takes a third of the time of other formats.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(append(b, '"'), time.RFC3339)
	const digits = "0123456789"
	millis := t.Nanosecond() / int(time.Millisecond)
	// Replaces the Z.
	return append(b[:len(b)-1], '.', digits[millis/100], digits[millis/10%10], digits[millis%10], 'Z', '"')
}

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return AppendTime(nil, time.Time(t)), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(data []byte) error { return (*time.Time)(t).UnmarshalJSON(data) }

// Scan implements sql.Scanner.
func (t *Time) Scan(src any) error {
	value, ok := src.(time.Time)
	if !ok {
		return fmt.Errorf("%T is no time", src)
	}
	*t = Time(value)
	return nil
}
