package watcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// service is both services as far as a watcher sees them. Each connection is played by the next of its scripts.
type service struct {
	t       *testing.T
	server  *httptest.Server
	scripts []func(*socket)
	played  atomic.Int32
	signIns atomic.Int32
	renewed atomic.Int32
	// expiresIn is the life of the tokens in seconds.
	expiresIn int
	refuse    bool
}

// socket is the server's end of one connection.
type socket struct {
	*service
	conn  *websocket.Conn
	ctx   context.Context
	token string
}

func newService(t *testing.T, scripts ...func(*socket)) *service {
	t.Helper()
	s := &service{t: t, scripts: scripts, expiresIn: 900}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/auth/login", func(w http.ResponseWriter, _ *http.Request) {
		n := s.signIns.Add(1)
		if s.refuse {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"success":false,"error":{"code":"AUTH_ERROR","message":"no","traceId":"t"}}`)
			return
		}
		s.tokens(w, fmt.Sprintf("login-%d", n))
	})
	mux.HandleFunc("POST /api/v1/auth/refresh", func(w http.ResponseWriter, _ *http.Request) {
		s.expiresIn = 900 // Prolonged once is enough for a test.
		s.tokens(w, fmt.Sprintf("refresh-%d", s.renewed.Add(1)))
	})
	mux.HandleFunc("GET /ws", s.socket)
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	return s
}

func (s *service) tokens(w http.ResponseWriter, access string) {
	fmt.Fprintf(w, `{"success":true,"data":{"accessToken":%q,"refreshToken":"r-%s","expiresIn":%d}}`, access, access, s.expiresIn)
}

func (s *service) socket(w http.ResponseWriter, r *http.Request) {
	n := int(s.played.Add(1))
	if n > len(s.scripts) {
		s.t.Errorf("connection %d was not expected", n)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		s.t.Error(err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	if conn.Subprotocol() != subprotocol {
		s.t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	s.scripts[n-1](&socket{s, conn, r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")})
}

func (s *socket) send(frame string) {
	if err := s.conn.Write(s.ctx, websocket.MessageText, []byte(frame)); err != nil {
		s.t.Errorf("send %s: %v", frame, err)
	}
}

func (s *socket) read() request {
	var r request
	if err := wsjson.Read(s.ctx, s.conn, &r); err != nil {
		s.t.Errorf("read: %v", err)
	}
	return r
}

// welcome goes through the opening and returns the subscription.
func (s *socket) welcome() request {
	s.send(`{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`)
	r := s.read()
	s.send(`{"type":"ack","id":"` + r.ID + `","topics":["drifts"]}`)
	return r
}

func (s *socket) event(position int) {
	s.send(fmt.Sprintf(`{"type":"event","topics":["drifts"],"position":%d,"cursor":"e:%d","event":{}}`, position, position))
}

// untilClosed waits for the client's end.
func (s *socket) untilClosed() { _, _, _ = s.conn.Read(s.ctx) }

// watch runs a watcher until it has seen so many events, and returns their positions and what was noted.
func (s *service) watch(events int) (positions []int64, notes []string, err error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	w := &Watcher{
		API: apiclient.Client{Base: s.server.URL}, SocketURL: strings.Replace(s.server.URL, "http", "ws", 1) + "/ws",
		Email: "viewer@example.com", Password: "pw", Topics: []string{"drifts"},
		Event: func(f Frame) {
			if positions = append(positions, f.Position); len(positions) == events {
				cancel()
			}
		},
		Note: func(line string) { notes = append(notes, line) },
	}
	err = w.Run(ctx)
	return positions, notes, err
}

func TestWatcher_follows(t *testing.T) {
	s := newService(t, func(c *socket) {
		if c.token != "login-1" {
			t.Errorf("token %q", c.token)
		}
		if r := c.welcome(); r.Type != "subscribe" || r.After != "e:10" || len(r.Topics) != 1 {
			t.Errorf("subscribed with %+v", r)
		}
		c.event(11)
		c.event(12)
		c.untilClosed()
	})
	positions, _, err := s.watch(2)
	if err != nil || fmt.Sprint(positions) != "[11 12]" {
		t.Errorf("positions %v, %v", positions, err)
	}
}

func TestWatcher_comes_back(t *testing.T) {
	t.Run("with its cursor, and drops what came twice", func(t *testing.T) {
		s := newService(t,
			func(c *socket) { c.welcome(); c.event(11); _ = c.conn.CloseNow() },
			func(c *socket) {
				if r := c.welcome(); r.After != "e:11" {
					t.Errorf("came back with %q, want e:11", r.After)
				}
				c.event(11)
				c.event(12)
				c.untilClosed()
			})
		positions, _, err := s.watch(2)
		if err != nil || fmt.Sprint(positions) != "[11 12]" || s.signIns.Load() != 1 {
			t.Errorf("positions %v, %v, %d sign-ins", positions, err, s.signIns.Load())
		}
	})
	t.Run("with the cursor of a position frame", func(t *testing.T) {
		s := newService(t,
			func(c *socket) {
				c.welcome()
				c.send(`{"type":"position","cursor":"e:99"}`)
				c.conn.Close(websocket.StatusGoingAway, "")
			},
			func(c *socket) {
				if r := c.welcome(); r.After != "e:99" {
					t.Errorf("came back with %q, want e:99", r.After)
				}
				c.event(100)
				c.untilClosed()
			})
		if _, _, err := s.watch(1); err != nil {
			t.Error(err)
		}
	})
	t.Run("when a server that restarts says so", func(t *testing.T) {
		s := newService(t,
			func(c *socket) {
				c.welcome()
				c.send(`{"type":"reconnect","afterMs":1}`)
				c.conn.Close(websocket.StatusServiceRestart, "")
			},
			func(c *socket) { c.welcome(); c.event(11); c.untilClosed() })
		_, notes, err := s.watch(1)
		if err != nil || len(notes) != 2 || notes[1] != "the server restarts: again in 0s" {
			t.Errorf("%v, notes %q", err, notes)
		}
	})
	t.Run("signed in anew when the token is no longer accepted", func(t *testing.T) {
		s := newService(t,
			func(c *socket) { c.welcome(); c.conn.Close(statusUnauthorized, "token expired") },
			func(c *socket) {
				if c.token != "login-2" {
					t.Errorf("came back with token %q", c.token)
				}
				c.welcome()
				c.event(11)
				c.untilClosed()
			})
		if _, _, err := s.watch(1); err != nil {
			t.Error(err)
		}
	})
	t.Run("at the head when its place is gone", func(t *testing.T) {
		s := newService(t,
			func(c *socket) {
				c.welcome()
				c.event(50)
				c.send(`{"type":"resync","reason":"epoch","cursor":"f:3"}`)
				c.event(4)
				c.untilClosed()
			})
		positions, notes, err := s.watch(2)
		if err != nil || fmt.Sprint(positions) != "[50 4]" || len(notes) != 1 {
			t.Errorf("positions %v, notes %q, %v", positions, notes, err)
		}
	})
}

func TestWatcher_prolongs_its_token(t *testing.T) {
	s := newService(t, func(c *socket) {
		c.send(`{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`)
		sent := map[string]request{}
		for range 2 { // In either order: the token is due before the subscription is sent.
			r := c.read()
			sent[r.Type] = r
			c.send(`{"type":"ack","id":"` + r.ID + `","topics":["drifts"]}`)
		}
		if sent["auth"].Token != "refresh-1" || sent["subscribe"].After != "e:10" {
			t.Errorf("sent %+v", sent)
		}
		c.event(11)
		c.untilClosed()
	})
	s.expiresIn = 0 // Due at once.
	if _, _, err := s.watch(1); err != nil {
		t.Error(err)
	}
}

func TestWatcher_gives_up_a_wrong_password(t *testing.T) {
	s := newService(t)
	s.refuse = true
	if _, _, err := s.watch(1); !errors.Is(err, ErrSignIn) {
		t.Errorf("err = %v, want ErrSignIn", err)
	}
}

func TestLine(t *testing.T) {
	c := console.New(nil, false, 0)
	for name, test := range map[string]struct{ event, want string }{
		"a decision": {
			`{"type":"drift.approved","time":"2026-03-02T10:00:00.000Z","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"data":{"resourceId":"aws_sg.web","workspace":"prod","status":"approved","severity":"critical","actor":{"email":"ada@example.com","role":"engineer"},"reason":"fine\u001b[2J"}}`,
			"drift.approved   critical aws_sg.web in prod, approved by ada@example.com: fine [2J  trace 4bf92f3577b34da6a3ce929d0e0e4736",
		},
		"an alert":       {`{"type":"alert.created","data":{"severity":"critical","title":"3 critical drifts"}}`, "alert.created    critical 3 critical drifts"},
		"alerts read":    {`{"type":"alert.read","data":{"count":4,"actor":{"role":"engineer"}}}`, "alert.read       4 read by engineer"},
		"a check":        {`{"type":"check.completed","data":{"workspace":"prod","status":"ok","counts":{"new":2,"resolved":1}}}`, "check.completed  ok of prod: 2 new, 0 changed, 0 unchanged, 1 resolved"},
		"an unknown one": {`{"type":"future.thing","data":{"x":1}}`, `future.thing     {"x":1}`},
		"no JSON":        {`7`, "an event that cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Line(c, Frame{Event: json.RawMessage(test.event)}); !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant …%s", got, test.want)
			}
		})
	}
}
