package notify

import (
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Kind says how a channel is spoken to.
type Kind string

// The kinds.
const (
	Slack   Kind = "slack"   // an incoming webhook of Slack
	Webhook Kind = "webhook" // https://www.standardwebhooks.com
)

// Channel is where an account's notifications go.
type Channel struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Name      string
	Kind      Kind
	Host      string // of the URL, which only the channel itself has
	Target    []byte // sealed
	Filter
	Enabled   bool
	CreatedBy string // an email
	CreatedAt time.Time
	UpdatedAt time.Time
	State
}

// Filter says what a channel wants.
type Filter struct {
	Events     []string
	Severities []string
	Workspaces []string // globs; nil is every workspace
	Owners     []string // of workspaces or drifts; nil is every owner, and none
}

// State is how a channel does.
type State struct {
	LastSuccessAt *time.Time
	FailingSince  *time.Time // nil after a success
	LastError     *string    // of the last attempt, while it fails
	FailedAt      *time.Time // when the first message since the last success was given up
	Waiting       int
	Parked        int
}

// Target is where a channel leads, and what signs its messages.
type Target struct {
	URL    string
	Secret string // of a webhook, as whsec_…
}

// DeliveryState is how far a delivery is.
type DeliveryState string

// The states.
const (
	Waiting   DeliveryState = "waiting"
	Delivered DeliveryState = "delivered"
	Parked    DeliveryState = "parked"
)

// DeliveryStates are all of them.
var DeliveryStates = []DeliveryState{Waiting, Delivered, Parked}

// Delivery is one message for one channel.
type Delivery struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	ChannelID     uuid.UUID
	FirstPosition int64 // of its events in the account's stream
	LastPosition  int64
	Traceparent   string // of the span that published them
	State         DeliveryState
	Attempts      int
	NextAttemptAt time.Time
	ExpiresAt     time.Time
	CreatedAt     time.Time
	FinishedAt    *time.Time
	LastStatus    *int // of the response to the last attempt; nil when there was none
	LastError     *string
}

// Message is what a channel is told: the events that it wants of one transaction.
type Message struct {
	ID        uuid.UUID // of the delivery
	At        time.Time
	Type      event.Type                 // the check's, else that of the first event
	Workspace string                     // empty when there are several
	Check     *event.CheckData           // that the events belong to; nil when they belong to none
	Drifts    []Item                     // the most severe first
	Counts    []Count                    // of all drift events, in the order of Events
	Rules     []RuleItem                 // the first of those that changed
	Stale     []event.WorkspaceStaleData // the first of the workspaces without checks
	StaleN    int                        // how many there are
	Total     int                        // of all events that the channel wants
	Events    []event.Event              // the first of them
	TraceID   string
	Test      bool // an admin asked for it: there is no event
}

// Item is what happened to a drift.
type Item struct {
	Type event.Type
	event.DriftData
}

// RuleItem is what happened to a rule.
type RuleItem struct {
	Type event.Type
	event.RuleData
}

// Count is how many events of a type there are.
type Count struct {
	Type event.Type
	N    int
}
