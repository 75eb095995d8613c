package notify

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// What admins do to channels, as the audit trail names it.
const (
	actionCreated  = "channel.created"
	actionUpdated  = "channel.updated"
	actionDeleted  = "channel.deleted"
	actionTested   = "channel.tested"
	actionFailed   = "channel.failed"
	actionReplayed = "delivery.replayed"
)

// NewChannel is what an admin says of a channel that is made.
type NewChannel struct {
	Name string
	Kind Kind
	URL  string
	// Filter may lack events and severities: the defaults are taken then.
	Filter
	Enabled bool
}

// act runs fn, the change of an admin, in a transaction that writes one audit row.
func (s *Service) act(ctx context.Context, p identity.Principal, name string, fn func(ctx context.Context, tx Tx) (entry, error)) error {
	return s.store.InTx(ctx, name, func(ctx context.Context, tx Tx) error {
		by, err := s.actors.Act(ctx, tx, p, identity.Admin)
		if err != nil {
			return err
		}
		e, err := fn(ctx, tx)
		if err != nil {
			return err
		}
		if err := tx.InsertAudit(ctx, []audit.Row{audit.New(ctx, p.AccountID, by, e.action, e.channel.Name, e.message, e.metadata)}); err != nil || e.wake == nil {
			return err
		}
		return tx.WakeChannel(ctx, p.AccountID, e.channel.ID, *e.wake)
	})
}

// SecretHolds reports whether a webhook's messages are still signed with the secret.
func (s *Service) SecretHolds(ctx context.Context, account, channel uuid.UUID, secret string) (bool, error) {
	c, err := s.store.Channel(ctx, account, channel)
	if apierror.Is(err, apierror.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	t, _, err := s.openTarget(channel, c.Target)
	return err == nil && t.Secret == secret, nil //nolint:nilerr // What can't be read signs nothing.
}

// entry is what the audit trail says of a change, and whether the channel's job must look again, and in a hurry.
type entry struct {
	action, message string
	channel         *Channel
	metadata        map[string]any
	wake            *bool
}

// Create makes a channel. The secret of a webhook is in the response and nowhere else.
func (s *Service) Create(ctx context.Context, p identity.Principal, n NewChannel) (c *Channel, secret string, err error) {
	if n.Events == nil {
		n.Events = texts(DefaultEvents)
	}
	if n.Severities == nil {
		n.Severities = slices.Clone(DefaultSeverities)
	}
	var in input
	in.name(n.Name)
	if n.Kind != Slack && n.Kind != Webhook {
		in.refuse("kind", "must be slack or webhook")
	}
	host := in.target(n.URL, s.plain)
	in.filter(n.Filter)
	if err := in.err(); err != nil {
		return nil, "", err
	}
	at := now()
	c = &Channel{
		ID: uid.New(), AccountID: p.AccountID, Name: n.Name, Kind: n.Kind, Host: host, Filter: n.Filter, Enabled: n.Enabled,
		CreatedBy: p.Email, CreatedAt: at, UpdatedAt: at,
	}
	if n.Kind == Webhook {
		secret = newSecret()
	}
	if c.Target, err = s.sealTarget(c.ID, Target{n.URL, secret}); err != nil {
		return nil, "", err
	}
	err = s.act(ctx, p, "channel.create", func(ctx context.Context, tx Tx) (entry, error) {
		channels, err := tx.LockAccount(ctx, p.AccountID)
		if err == nil && channels >= MaxChannels {
			err = apierror.Newf(apierror.Conflict, "the account has %d channels, which is the limit; delete one first", channels)
		}
		if err != nil {
			return entry{}, err
		}
		return entry{actionCreated, "the channel was created", c, c.facts(), nil}, tx.InsertChannel(ctx, c, p.UserID)
	})
	return c, secret, err
}

// facts are what the audit trail says of a channel: not the URL.
func (c *Channel) facts() map[string]any {
	return map[string]any{
		"channel": c.ID, "kind": c.Kind, "host": c.Host, "enabled": c.Enabled,
		"events": c.Events, "severities": c.Severities, "workspaces": c.Workspaces, "owners": c.Owners,
	}
}

// Change has the new values of a channel; nil means unchanged.
type Change struct {
	Name       *string
	URL        *string
	NewSecret  bool // makes another secret, which is shown once
	Events     []string
	Severities []string
	Workspaces Patterns
	Owners     Patterns
	Enabled    *bool
}

// Patterns are a new value that may be null.
type Patterns struct {
	Set   bool
	Value []string
}

func (c Change) isEmpty() bool {
	return c.Name == nil && c.URL == nil && !c.NewSecret && c.Events == nil && c.Severities == nil && !c.Workspaces.Set && !c.Owners.Set && c.Enabled == nil
}

// Update changes a channel. What waits for it is tried again at once.
func (s *Service) Update(ctx context.Context, p identity.Principal, id uuid.UUID, change Change) (c *Channel, secret string, err error) {
	if change.isEmpty() {
		return nil, "", apierror.New(apierror.Invalid, "the body has no field to change")
	}
	err = s.act(ctx, p, "channel.update", func(ctx context.Context, tx Tx) (entry, error) {
		if c, err = tx.LockChannel(ctx, p.AccountID, id); err != nil {
			return entry{}, err
		}
		if secret, err = s.apply(c, change); err != nil {
			return entry{}, err
		}
		c.UpdatedAt = now()
		metadata := c.facts()
		metadata["newUrl"], metadata["newSecret"] = change.URL != nil, secret != ""
		hurry := true
		return entry{actionUpdated, "the channel was changed", c, metadata, &hurry}, tx.SaveChannel(ctx, c)
	})
	return c, secret, err
}

// apply changes c, and gives the secret if there is another one.
func (s *Service) apply(c *Channel, change Change) (secret string, err error) {
	t, _, err := s.openTarget(c.ID, c.Target)
	if err != nil && (change.URL == nil || c.Kind == Webhook && !change.NewSecret) {
		return "", apierror.Wrap(apierror.Conflict, err,
			"what the channel leads to can't be read with the present DATA_KEY; send url, and for a webhook newSecret: true")
	}
	var in input
	if change.Name != nil {
		c.Name = *change.Name
		in.name(c.Name)
	}
	if change.URL != nil {
		t.URL = *change.URL
		c.Host = in.target(t.URL, s.plain)
	}
	if change.NewSecret {
		if c.Kind != Webhook {
			in.refuse("newSecret", "is for a webhook: messages to Slack are not signed")
		}
		secret = newSecret()
		t.Secret = secret
	}
	if change.Events != nil {
		c.Events = change.Events
	}
	if change.Severities != nil {
		c.Severities = change.Severities
	}
	if change.Workspaces.Set {
		c.Workspaces = change.Workspaces.Value
	}
	if change.Owners.Set {
		c.Owners = change.Owners.Value
	}
	if change.Enabled != nil {
		c.Enabled = *change.Enabled
	}
	in.filter(c.Filter)
	if err := in.err(); err != nil {
		return "", err
	}
	c.Target, err = s.sealTarget(c.ID, t)
	return secret, err
}

// Delete removes a channel with its deliveries.
func (s *Service) Delete(ctx context.Context, p identity.Principal, id uuid.UUID) error {
	return s.act(ctx, p, "channel.delete", func(ctx context.Context, tx Tx) (entry, error) {
		c, err := tx.LockChannel(ctx, p.AccountID, id)
		if err != nil {
			return entry{}, err
		}
		return entry{actionDeleted, "the channel was deleted", c, map[string]any{"channel": c.ID}, nil}, tx.DeleteChannel(ctx, p.AccountID, id)
	})
}

// Replay sends a parked delivery again, after those that wait.
func (s *Service) Replay(ctx context.Context, p identity.Principal, channel, delivery uuid.UUID) (d *Delivery, err error) {
	err = s.act(ctx, p, "delivery.replay", func(ctx context.Context, tx Tx) (entry, error) {
		c, err := tx.LockChannel(ctx, p.AccountID, channel)
		if err != nil {
			return entry{}, err
		}
		at := now()
		if d, err = tx.Replay(ctx, p.AccountID, channel, delivery, at, at.Add(Patience)); err != nil {
			return entry{}, err
		}
		hurry := false
		return entry{actionReplayed, "a delivery was replayed", c, map[string]any{"channel": c.ID, "delivery": d.ID}, &hurry}, nil
	})
	return d, err
}

// Test sends a message at once, so that the admin sees whether the channel works. It is tried once.
func (s *Service) Test(ctx context.Context, p identity.Principal, id uuid.UUID) (Outcome, time.Duration, error) {
	var c *Channel
	err := s.act(ctx, p, "channel.test", func(ctx context.Context, tx Tx) (e entry, err error) {
		if c, err = tx.LockChannel(ctx, p.AccountID, id); err != nil {
			return entry{}, err
		}
		return entry{actionTested, "a test was sent", c, map[string]any{"channel": c.ID}, nil}, nil
	})
	if err != nil {
		return Outcome{}, 0, err
	}
	began := time.Now()
	out := s.send(ctx, c, &Message{ID: uid.New(), At: now(), Type: "channel.test", TraceID: telemetry.TraceID(ctx), Test: true})
	return out, time.Since(began), ctx.Err()
}

// send opens the target and sends a message to it.
func (s *Service) send(ctx context.Context, c *Channel, m *Message) Outcome {
	t, _, err := s.openTarget(c.ID, c.Target)
	if err != nil {
		s.report(ctx, err)
		return Outcome{Failure: "the URL can't be read with the present DATA_KEY; set it again"}
	}
	return s.sender.Send(ctx, c.Kind, t, m)
}
