package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	subprotocol = "driftsentry.v1"
	// maxFrame bounds a frame of the server, in bytes. Events are far smaller.
	maxFrame = 1 << 20
	// buffered is how many frames are read ahead of the loop over the events.
	buffered = 64
	// writing bounds the sending of a frame.
	writing = 10 * time.Second
	// again is the pause after a token could not be renewed, while the old one holds.
	again = 10 * time.Second
)

// frame is what the server sends, each type with its own part of the fields.
type frame struct {
	Type         string `json:"type"`
	ID           string `json:"id"`
	ConnectionID string `json:"connectionId"`
	Cursor       string `json:"cursor"`
	HeartbeatMS  int64  `json:"heartbeatMs"`
	AfterMS      int64  `json:"afterMs"`
	Reason       string `json:"reason"`
	Code         Code   `json:"code"`
	Message      string `json:"message"`
	TraceID      string `json:"traceId"`
	event        Event  // of an event's frame
}

// command is what we send.
type command struct {
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Topics []string `json:"topics,omitempty"`
	After  string   `json:"after,omitempty"`
	Token  string   `json:"token,omitempty"`
}

// connection is one socket of a stream, from its handshake to its end.
type connection struct {
	*Stream
	conn   *websocket.Conn
	id     string
	token  string
	yield  func(Event) bool
	frames chan frame
	ended  chan error    // has why reading ended
	done   chan struct{} // closed when frames are no longer taken

	silence  *time.Timer   // cuts the connection
	patience time.Duration // after which silence does so; the reader's
	renewal  *time.Timer
	leave    *time.Timer
	leaving  *leaving // what the server announced
	over     bool     // reading has ended
}

// connect opens a socket and follows it to its end, which is always an error.
func (s *Stream) connect(ctx context.Context, token string, yield func(Event) bool) error {
	opening := s.client.timeout // of the handshake, and of the wait for the welcome
	dialCtx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	readCtx, cut := context.WithCancelCause(context.WithoutCancel(ctx)) // The end of ctx closes the socket, and does not cut it.
	defer cut(nil)
	c := &connection{
		Stream: s, token: token, yield: yield,
		frames: make(chan frame, buffered), ended: make(chan error, 1), done: make(chan struct{}),
		patience: opening, renewal: time.NewTimer(time.Hour), leave: time.NewTimer(time.Hour),
	}
	c.silence = time.AfterFunc(opening, func() { cut(errSilent) })
	defer c.silence.Stop()
	c.renewal.Stop()
	c.leave.Stop()
	header := http.Header{}
	s.client.setHeaders(ctx, header, token)
	//nolint:bodyclose // After the upgrade it is the socket; a refusal's is in memory.
	conn, res, err := websocket.Dial(dialCtx, s.client.realtime+"/ws", &websocket.DialOptions{
		HTTPClient: s.client.http, HTTPHeader: header, Subprotocols: []string{subprotocol},
		OnPingReceived: func(context.Context, []byte) bool { c.heard(); return true },
	})
	if err != nil {
		return handshake(res, err)
	}
	conn.SetReadLimit(maxFrame)
	c.conn = conn
	var reader sync.WaitGroup
	reader.Go(func() { c.ended <- c.read(readCtx) })
	defer func() {
		close(c.done)
		if !c.over {
			_ = conn.Close(websocket.StatusNormalClosure, "") // Whether the server says goodbye as well is no matter.
		}
		_ = conn.CloseNow() // After a regular end there is nothing to close.
		reader.Wait()
	}()
	return c.follow(ctx)
}

// handshake is the error for a handshake that was refused, or that reached no server.
func handshake(res *http.Response, err error) error {
	if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxFrame)) // What is there of it tells enough.
		return responseError(res, text)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e // The libraries above it tell the address twice more.
	}
	return fmt.Errorf("no connection: %w", err)
}

// heard is called for every frame and every heartbeat.
func (c *connection) heard() { c.silence.Reset(c.patience) }

// read takes frames off the socket until it ends. While the loop over the events is behind, it waits, and so does the
// server.
func (c *connection) read(ctx context.Context) error {
	for {
		_, text, err := c.conn.Read(ctx)
		if err != nil {
			if errors.Is(context.Cause(ctx), errSilent) {
				return errSilent
			}
			return closed(err)
		}
		if c.options.OnFrame != nil {
			c.options.OnFrame(text)
		}
		var f frame
		if err := f.parse(text); err != nil {
			return fmt.Errorf("a frame of the server cannot be read: %w", err)
		}
		if f.HeartbeatMS > 0 {
			c.patience = 2 * time.Duration(f.HeartbeatMS) * time.Millisecond
		}
		c.silence.Stop() // The server is not to blame for the time that we do not read.
		select {
		case c.frames <- f:
		case <-c.done: // What comes before the close frame is not wanted any more.
		}
		c.heard()
	}
}

func (f *frame) parse(text []byte) error {
	if err := json.Unmarshal(text, f); err != nil {
		return err
	}
	if f.Type == "event" {
		return json.Unmarshal(text, &f.event)
	}
	return nil
}

// follow handles frames, the renewal of the token and the announced end, until the connection or the loop is over.
func (c *connection) follow(ctx context.Context) error {
	c.planRenewal()
	defer c.renewal.Stop()
	defer c.leave.Stop()
	for {
		select {
		case f := <-c.frames:
			if err := c.handle(ctx, f); err != nil {
				return err
			}
		case err := <-c.ended:
			c.over = true
			return c.rest(ctx, err)
		case <-c.renewal.C:
			if err := c.prolong(ctx); err != nil {
				return err
			}
		case <-c.leave.C:
			return c.leaving
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// rest handles the frames that came before the connection ended.
func (c *connection) rest(ctx context.Context, end error) error {
	for {
		select {
		case f := <-c.frames:
			if err := c.handle(ctx, f); err != nil {
				return err
			}
		default:
			if c.leaving != nil {
				return c.leaving
			}
			return end
		}
	}
}
