package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// frame is what the server sends, as far as tests look into it.
type frame struct {
	Type     string   `json:"type"`
	ID       string   `json:"id"`
	Code     string   `json:"code"`
	Cursor   string   `json:"cursor"`
	Position int64    `json:"position"`
	AfterMs  int      `json:"afterMs"`
	Topics   []string `json:"topics"`
	Event    struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		Subject     string `json:"subject"`
		Traceparent string `json:"traceparent"`
		Data        struct {
			ID         string `json:"id"`
			ResourceID string `json:"resourceId"`
			Status     string `json:"status"`
			Version    int    `json:"version"`
			Reason     string `json:"reason"`
		} `json:"data"`
	} `json:"event"`
}

// socket is a client that keeps every frame.
type socket struct {
	t    *testing.T
	conn *websocket.Conn

	mu     sync.Mutex
	frames []frame
	raw    strings.Builder
	next   int // the first frame that no wait has passed
	more   chan struct{}
	closed chan struct{}
	err    error // of the end; valid after closed
}

// dial opens a socket with the token, waits for the welcome, and subscribes; after may be empty.
func dial(t *testing.T, url, token, after string, topics ...string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols: []string{"driftsentry.v1"},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		t.Fatalf("open a socket: %v", err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	conn.SetReadLimit(1 << 20)
	s := &socket{t: t, conn: conn, more: make(chan struct{}), closed: make(chan struct{})}
	go s.read()
	t.Cleanup(func() {
		_ = conn.CloseNow()
		<-s.closed
	})
	s.wait("the welcome", func(f frame) bool { return f.Type == "welcome" })
	request := map[string]any{"type": "subscribe", "id": "1", "topics": topics}
	if after != "" {
		request["after"] = after
	}
	s.send(request)
	s.wait("the ack", func(f frame) bool { return f.Type == "ack" || f.Type == "resync" })
	return s
}

func (s *socket) send(request any) {
	s.t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	spec.Frame(s.t, spec.FromClient, data)
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, data); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) read() {
	defer close(s.closed)
	for {
		_, data, err := s.conn.Read(context.WithoutCancel(s.t.Context()))
		s.mu.Lock()
		if err != nil {
			s.err = err
			s.mu.Unlock()
			return
		}
		spec.Frame(s.t, spec.FromServer, data)
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			s.t.Errorf("frame %s: %v", data, err)
		}
		s.frames = append(s.frames, f)
		s.raw.Write(data)
		s.raw.WriteByte('\n')
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
	}
}

// wait blocks until a frame matches, and gives it. The next wait looks at the frames after it.
func (s *socket) wait(what string, match func(frame) bool) frame {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		s.mu.Lock()
		for ; s.next < len(s.frames); s.next++ {
			if f := s.frames[s.next]; match(f) {
				s.next++
				s.mu.Unlock()
				return f
			}
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-s.closed:
			s.t.Fatalf("the socket closed (%v) before %s", s.err, what)
		case <-ctx.Done():
			s.t.Fatalf("%s never came; frames so far: %s", what, s.text())
		}
	}
}

func (s *socket) waitEvent(eventType string) frame {
	s.t.Helper()
	return s.wait("the event "+eventType, func(f frame) bool { return f.Type == "event" && f.Event.Type == eventType })
}

// closeCode waits for the end and gives the close code.
func (s *socket) closeCode() websocket.StatusCode {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	select {
	case <-s.closed:
	case <-ctx.Done():
		s.t.Fatal("the socket never closed")
	}
	if closed, ok := errors.AsType[websocket.CloseError](s.err); ok {
		return closed.Code
	}
	s.t.Fatalf("the socket ended without a close frame: %v", s.err)
	return 0
}

func (s *socket) events() []frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []frame
	for _, f := range s.frames {
		if f.Type == "event" {
			events = append(events, f)
		}
	}
	return events
}

func (s *socket) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}
