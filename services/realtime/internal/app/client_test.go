package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// client is a socket of a well-behaved library, which checks every frame against the documentation.
type client struct {
	t    testing.TB
	conn *websocket.Conn

	mu     sync.Mutex
	frames []frame
	more   chan struct{}
	closed chan struct{}
	err    error
}

// frame is what the server sends, as far as tests look into it.
type frame struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Cursor   string `json:"cursor"`
	Position int64  `json:"position"`
	AfterMs  *int   `json:"afterMs"`
	Event    struct {
		Subject     string `json:"subject"`
		Traceparent string `json:"traceparent"`
	} `json:"event"`
}

func (s *service) sign(u user) string {
	s.t.Helper()
	signed, err := s.tokens.Sign(u.id, u.account, u.session)
	if err != nil {
		s.t.Fatal(err)
	}
	return signed
}

// dial opens a socket and waits for its welcome.
func (s *service) dial(u user) *client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.Replace(s.url("/ws"), "http", "ws", 1), &websocket.DialOptions{
		Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + s.sign(u)}},
		HTTPClient: &http.Client{Transport: spec.Transport(s.t, http.DefaultTransport)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	conn.SetReadLimit(1 << 20)
	c := &client{t: s.t, conn: conn, more: make(chan struct{}), closed: make(chan struct{})}
	go c.read()
	s.t.Cleanup(func() {
		_ = conn.CloseNow()
		<-c.closed
	})
	c.wait("welcome", func(f frame) bool { return f.Type == "welcome" })
	return c
}

// listen is dial and subscribe.
func (s *service) listen(u user, after string, topics ...string) *client {
	s.t.Helper()
	c := s.dial(u)
	c.subscribe(after, topics...)
	return c
}

func (c *client) subscribe(after string, topics ...string) {
	c.t.Helper()
	request := map[string]any{"type": "subscribe", "id": "s", "topics": topics}
	if after != "" {
		request["after"] = after
	}
	c.send(request)
	c.wait("ack", func(f frame) bool { return f.Type == "ack" && f.ID == "s" })
}

func (c *client) send(request any) {
	c.t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, data); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() {
	defer close(c.closed)
	for {
		_, data, err := c.conn.Read(context.Background())
		c.mu.Lock()
		if err != nil {
			c.err = err
			c.mu.Unlock()
			return
		}
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			c.t.Errorf("frame %s: %v", data, err)
		}
		if len(c.frames) < 50 || f.Type != "event" {
			spec.Frame(c.t, spec.FromServer, data) // It costs too much to check thousands.
		}
		c.frames = append(c.frames, f)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

// wait blocks until a frame matches, and gives it.
func (c *client) wait(what string, match func(frame) bool) frame {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for next := 0; ; {
		c.mu.Lock()
		frames, more := c.frames, c.more
		c.mu.Unlock()
		for ; next < len(frames); next++ {
			if match(frames[next]) {
				return frames[next]
			}
		}
		select {
		case <-more:
		case <-c.closed:
			c.t.Fatalf("closed (%v) before %s", c.err, what)
		case <-ctx.Done():
			c.t.Fatalf("%s never came; %d frames did", what, len(frames))
		}
	}
}

// waitEvent blocks until the event at a position is there.
func (c *client) waitEvent(position int64) frame {
	c.t.Helper()
	return c.wait(fmt.Sprint("event ", position), func(f frame) bool { return f.Type == "event" && f.Position == position })
}

// positions are those of the events so far.
func (c *client) positions() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []int64
	for _, f := range c.frames {
		if f.Type == "event" {
			list = append(list, f.Position)
		}
	}
	return list
}

// cursor is the last one that came.
func (c *client) cursor() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := ""
	for _, f := range c.frames {
		if f.Cursor != "" {
			last = f.Cursor
		}
	}
	return last
}

func (c *client) closeCode() websocket.StatusCode {
	c.t.Helper()
	select {
	case <-c.closed:
	case <-time.After(patience):
		c.t.Fatal("it never closed")
	}
	if e, ok := errors.AsType[websocket.CloseError](c.err); ok {
		return e.Code
	}
	c.t.Fatalf("it ended without a close frame: %v", c.err)
	return 0
}

// sequence is the positions from, from+1 … to.
func sequence(from, to int64) []int64 {
	list := make([]int64, 0, to-from+1)
	for p := from; p <= to; p++ {
		list = append(list, p)
	}
	return list
}
