package notify

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/seal"
)

// Service has the use cases of admins, who the caller has checked are some, and sends what waits.
type Service struct {
	store       Store
	actors      Actors
	sender      Sender
	hints       Announcer
	seal        *seal.Sealer
	plain       bool
	log         *slog.Logger
	tracer      trace.Tracer
	instruments *instruments
	report      func(ctx context.Context, err error, attrs ...slog.Attr)
}

// Actors looks at an actor again in the transaction of a change (identity.Service).
type Actors interface {
	Act(ctx context.Context, tx identity.ActorTx, p identity.Principal, need identity.Role) (audit.Actor, error)
}

// Announcer tells the readers of an account's stream, after the commit, how far the stream has reached. It never blocks.
type Announcer interface {
	Announce(h hint.Hint)
}

// Sender sends a message. It obeys ctx, and what it says of a failure has neither the URL nor the secret in it.
type Sender interface {
	Send(ctx context.Context, kind Kind, t Target, m *Message) Outcome
}

// Outcome is the result of an attempt.
type Outcome struct {
	Status     int           // of the response; 0 when there was none
	Failure    string        // empty when the message was delivered
	RetryAfter time.Duration // what the receiver asks for
	Final      bool          // the receiver will never take it
}

// Telemetry is what the service reports to.
type Telemetry interface {
	Logger() *slog.Logger
	Tracer() trace.Tracer
	Meter() metric.Meter
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Config is what a service is made of.
type Config struct {
	Store  Store
	Actors Actors
	Sender Sender
	Hints  Announcer
	// DataKey seals targets. PreviousDataKey is the one that it replaced, or empty.
	DataKey, PreviousDataKey string
	// PlainHTTP allows URLs that begin with http://.
	PlainHTTP bool
	Telemetry Telemetry
}

// keyPurpose separates the key of targets from others of DATA_KEY. It must not change, or stored targets can't be opened.
const keyPurpose = "driftsentry channel targets"

// New makes the service.
func New(c Config) (*Service, error) {
	s := &Service{
		store: c.Store, actors: c.Actors, sender: c.Sender, hints: c.Hints, plain: c.PlainHTTP,
		log: c.Telemetry.Logger(), tracer: c.Telemetry.Tracer(), report: c.Telemetry.Report,
	}
	var err error
	if s.seal, err = seal.New(c.DataKey, c.PreviousDataKey, keyPurpose); err != nil {
		return nil, fmt.Errorf("seal the targets of channels: %w", err)
	}
	if s.instruments, err = newInstruments(c.Telemetry.Meter()); err != nil {
		return nil, err
	}
	return s, nil
}

// now is the time in the precision that is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Channels is a part of the account's channels, oldest first.
func (s *Service) Channels(ctx context.Context, p identity.Principal, r list.Range) (list.Part[Channel], error) {
	return s.store.Channels(ctx, p.AccountID, r)
}

// Channel is one of the account's channels.
func (s *Service) Channel(ctx context.Context, p identity.Principal, id uuid.UUID) (*Channel, error) {
	return s.store.Channel(ctx, p.AccountID, id)
}

// Deliveries is a part of a channel's deliveries, newest first.
func (s *Service) Deliveries(
	ctx context.Context, p identity.Principal, channel uuid.UUID, states []DeliveryState, r list.Range,
) (list.Part[Delivery], error) {
	if _, err := s.store.Channel(ctx, p.AccountID, channel); err != nil {
		return list.Part[Delivery]{}, err
	}
	return s.store.Deliveries(ctx, p.AccountID, channel, states, r)
}

// newSecret makes a secret as Standard Webhooks has them.
func newSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // It never fails.
	return "whsec_" + base64.StdEncoding.EncodeToString(key[:])
}

// sealTarget encrypts a target for its channel.
func (s *Service) sealTarget(channel uuid.UUID, t Target) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode the target of a channel: %w", err)
	}
	return s.seal.Seal(plain, channel[:]), nil
}

func (s *Service) openTarget(channel uuid.UUID, sealed []byte) (t Target, old bool, err error) {
	plain, old, err := s.seal.Open(sealed, channel[:])
	if err != nil {
		return t, false, err
	}
	if err := json.Unmarshal(plain, &t); err != nil {
		return t, false, fmt.Errorf("decode the target of a channel: %w", err)
	}
	return t, old, nil
}
