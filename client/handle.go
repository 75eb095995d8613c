package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// The ids of what we send. Only one of each is ever under way.
const (
	idSubscribe = "subscribe"
	idAuth      = "auth"
)

// handle does what a frame asks for. Types that it does not know are of a newer server, and are ignored.
func (c *connection) handle(ctx context.Context, f frame) error {
	switch f.Type {
	case "welcome":
		c.id = f.ConnectionID
		if c.Cursor() == "" {
			// The stream begins here. From now on, the welcome of a connection says nothing about what we have.
			c.reached(f.Cursor)
		}
		return c.send(ctx, command{Type: "subscribe", ID: idSubscribe, Topics: c.options.Topics, After: c.Cursor()})
	case "ack":
		if f.ID == idSubscribe {
			c.state(State{Phase: Live, ConnectionID: c.id})
		}
	case "event":
		if f.event.Position <= c.seen {
			return nil // It came before, over another connection.
		}
		if !c.yield(f.event) {
			return errLeft
		}
		c.seen = f.event.Position
		c.reached(f.event.Cursor)
	case "position":
		c.reached(f.Cursor)
	case "resync":
		if c.options.OnResync != nil {
			if err := c.options.OnResync(ctx, Resync{Reason: f.Reason, Cursor: f.Cursor}); err != nil {
				return stopped{err}
			}
		}
		c.seen = 0 // Positions may be given again.
		c.reached(f.Cursor)
	case "reconnect":
		after := time.Duration(f.AfterMS) * time.Millisecond
		c.leaving = &leaving{time.Now().Add(after)}
		c.leave.Reset(after)
	case "error":
		return c.refused(f)
	}
	return nil
}

// refused decides what an error frame ends.
func (c *connection) refused(f frame) error {
	err := &Error{Code: f.Code, Message: f.Message, TraceID: f.TraceID, Reason: f.Reason}
	if f.Code == CodeAuth {
		err.Status = http.StatusUnauthorized
	}
	switch {
	case f.ID == idSubscribe, f.ID == idAuth && f.Code == CodeAuth:
		return err
	case f.ID == idAuth:
		c.renewal.Reset(again)
	}
	return nil // It is about nothing that we sent, or the old token still holds.
}

// planRenewal sets the time to send a fresh token: when the session is due.
func (c *connection) planRenewal() {
	if _, at := c.client.session.get(); !at.IsZero() && c.client.apiKey == "" && c.client.source == nil {
		c.renewal.Reset(time.Until(at))
	}
}

// prolong gets a new token and sends it to the server.
func (c *connection) prolong(ctx context.Context) error {
	renewCtx, cancel := context.WithTimeout(ctx, refreshPatience)
	defer cancel()
	token, err := c.client.token(renewCtx, "")
	switch {
	case refuses(err):
		return err
	case err != nil || token == c.token:
		c.renewal.Reset(again) // The old one still holds for a while.
		return nil
	}
	c.token = token
	c.planRenewal()
	return c.send(ctx, command{Type: "auth", ID: idAuth, Token: token})
}

func (c *connection) send(ctx context.Context, m command) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode the message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, text); err != nil {
		return fmt.Errorf("the connection broke: %w", err)
	}
	return nil
}
