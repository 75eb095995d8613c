package notify

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Store is the database. A missing row is apierror.NotFound.
type Store interface {
	// InTx runs fn in a transaction named for its span. On a deadlock fn runs again, so it must change nothing outside.
	InTx(ctx context.Context, name string, fn func(ctx context.Context, tx Tx) error) error

	ChannelReader
	DeliveryReader
	Keeper
}

// ChannelReader reads channels, which are listed oldest first.
type ChannelReader interface {
	Channel(ctx context.Context, account, id uuid.UUID) (*Channel, error)
	Channels(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[Channel], error)
}

// DeliveryReader reads deliveries, which are listed newest first.
type DeliveryReader interface {
	Deliveries(ctx context.Context, account, channel uuid.UUID, states []DeliveryState, r list.Range) (list.Part[Delivery], error)
	// Next is the delivery that the channel sends next, with the channel; nil when there is none, or the channel is turned off.
	Next(ctx context.Context, channel uuid.UUID) (*Next, error)
	// Events are at most limit of the account's events after a position, in order.
	Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error)
	// Owners gives the owners of those of the workspaces that have one.
	Owners(ctx context.Context, account uuid.UUID, workspaces []string) (map[string]string, error)
}

// Next is a delivery and its channel.
type Next struct {
	Delivery
	Channel Channel
}

// Keeper keeps the queue in order, for all accounts.
type Keeper interface {
	// Wake makes jobs for channels that have something to send and no job. It counts them.
	Wake(ctx context.Context) (int, error)
	Backlog(ctx context.Context) (Backlog, error)
	// Targets are the sealed targets of all channels, by the channels' ids.
	Targets(ctx context.Context) (map[uuid.UUID][]byte, error)
	// Reseal replaces a target, unless it is another one by now.
	Reseal(ctx context.Context, channel uuid.UUID, before, after []byte) error
}

// Backlog is what has not been delivered.
type Backlog struct {
	Waiting int
	Oldest  *time.Time // when the oldest waiting delivery was made
	Parked  int
}

// Tx is a transaction. Locks are taken in the order of its parts: users, channels with their deliveries, the stream.
type Tx interface {
	identity.ActorTx
	ChannelTx
	DeliveryTx
	audit.Writer
	StreamTx
}

// ChannelTx changes channels.
type ChannelTx interface {
	// LockAccount keeps other transactions from making a channel, and counts the channels.
	LockAccount(ctx context.Context, account uuid.UUID) (channels int, err error)
	// InsertChannel and SaveChannel fail with apierror.Conflict when the account has another channel of that name.
	InsertChannel(ctx context.Context, c *Channel, by uuid.UUID) error
	LockChannel(ctx context.Context, account, id uuid.UUID) (*Channel, error)
	SaveChannel(ctx context.Context, c *Channel) error
	DeleteChannel(ctx context.Context, account, id uuid.UUID) error
}

// DeliveryTx changes deliveries.
type DeliveryTx interface {
	// Record stores the result of an attempt, with the state of the channel. It reports false when another process has done so.
	Record(ctx context.Context, r Result) (first bool, err error)
	// Drop removes a delivery that has nothing to tell.
	Drop(ctx context.Context, delivery uuid.UUID) error
	// Replay makes a parked delivery the last of those that wait; apierror.NotFound when there is no such delivery, and
	// apierror.Conflict when it is not parked.
	Replay(ctx context.Context, account, channel, delivery uuid.UUID, at, expires time.Time) (*Delivery, error)
	// WakeChannel makes the channel look at its deliveries now: what waits for another attempt is tried at once if hurry is set.
	// It comes last, since it locks the account's stream.
	WakeChannel(ctx context.Context, account, channel uuid.UUID, hurry bool) error
}

// StreamTx writes the account's stream, as drift.StreamTx does.
type StreamTx interface {
	AppendEvents(ctx context.Context, account uuid.UUID, events []event.Event, notice *Notice, last *int64) error
}

// Result is the result of an attempt.
type Result struct {
	Delivery      uuid.UUID
	Channel       uuid.UUID
	State         DeliveryState
	Attempts      int // with this one
	At            time.Time
	NextAttemptAt time.Time
	Status        *int
	Error         *string // nil when it was delivered
}
