package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/client"
)

// followed plays the scripts to a stream and checks what it got.
func followed(t *testing.T, want string, o client.StreamOptions, scripts ...func(*socket)) {
	t.Helper()
	s := newService(t, scripts...)
	stream := s.client().Stream(o)
	positions, err := follow(t, stream, len(strings.Fields(want)))
	if err != nil || fmt.Sprint(positions) != "["+want+"]" {
		t.Errorf("positions %v, %v; want %s", positions, err, want)
	}
	if n := int(s.played.Load()); n != len(scripts) {
		t.Errorf("%d connections, want %d", n, len(scripts))
	}
}

func TestStream_follows(t *testing.T) {
	t.Run("everything from the first welcome on", func(t *testing.T) {
		followed(t, "11 12", client.StreamOptions{}, func(c *socket) {
			if m := c.welcome(); m.Type != "subscribe" || m.After != "e:10" || fmt.Sprint(m.Topics) != "[drifts alerts checks]" || c.token != "a1" {
				t.Errorf("subscribed with %+v and token %s", m, c.token)
			}
			c.event(11)
			c.event(12)
			c.untilClosed()
		})
	})
	t.Run("its topics from its cursor on, and ignores unknown types", func(t *testing.T) {
		followed(t, "8", client.StreamOptions{After: "e:7", Topics: []string{client.DriftTopic("d1")}}, func(c *socket) {
			if m := c.welcome(); m.After != "e:7" || fmt.Sprint(m.Topics) != "[drift:d1]" {
				t.Errorf("subscribed with %+v", m)
			}
			c.send(`{"type":"weather","sun":true}`)
			c.event(8)
			c.untilClosed()
		})
	})
	t.Run("with data that can be read", func(t *testing.T) {
		s := newService(t, func(c *socket) { c.welcome(); c.event(11); c.untilClosed() })
		for e, err := range s.client().Stream(client.StreamOptions{}).Events(t.Context()) {
			d, errData := e.Drift()
			if err != nil || errData != nil || e.ID != "i11" || e.Type != client.DriftApproved || d.ID != "d1" || d.Version != 2 {
				t.Errorf("%+v, %v; data %+v, %v", e, err, d, errData)
			}
			break
		}
	})
}

func TestStream_comes_back(t *testing.T) {
	t.Run("with the cursor of the last event, and drops duplicates", func(t *testing.T) {
		followed(t, "11 12", client.StreamOptions{},
			func(c *socket) { c.welcome(); c.event(11); _ = c.conn.CloseNow() },
			func(c *socket) { c.resumed("e:11"); c.event(11); c.event(12); c.untilClosed() })
	})
	t.Run("with the cursor of a position", func(t *testing.T) {
		followed(t, "100", client.StreamOptions{},
			func(c *socket) {
				c.welcome()
				c.send(`{"type":"position","cursor":"e:99"}`)
				c.close(websocket.StatusGoingAway)
			},
			func(c *socket) { c.resumed("e:99"); c.event(100); c.untilClosed() })
	})
	t.Run("never with the cursor of a later welcome", func(t *testing.T) {
		followed(t, "8", client.StreamOptions{After: "e:7"},
			func(c *socket) { c.resumed("e:7"); c.close(websocket.StatusInternalError) },
			func(c *socket) { c.resumed("e:7"); c.event(8); c.untilClosed() })
	})
	t.Run("after every close code that is not its own fault", func(t *testing.T) {
		for _, code := range []websocket.StatusCode{1001, 1011, 1012, 4408, 4429} {
			followed(t, "11", client.StreamOptions{},
				func(c *socket) { c.welcome(); c.close(code) },
				func(c *socket) { c.resumed("e:10"); c.event(11); c.untilClosed() })
		}
	})
	t.Run("after the leaving server closes", func(t *testing.T) {
		var states []string
		o := client.StreamOptions{OnState: func(s client.State) { states = append(states, fmt.Sprint(s.Phase, s.ConnectionID, s.Err)) }}
		followed(t, "11 12", o,
			func(c *socket) {
				c.welcome()
				c.send(`{"type":"reconnect","afterMs":1}`)
				c.event(11)
				c.close(websocket.StatusServiceRestart)
			},
			func(c *socket) { c.resumed("e:11"); c.event(12); c.untilClosed() })
		if got := strings.Join(states, "; "); got != "connecting<nil>; livec1<nil>; waitingthe server restarts; connecting<nil>; livec2<nil>" {
			t.Errorf("states: %s", got)
		}
	})
	t.Run("at the time that a server names that does not close", func(t *testing.T) {
		followed(t, "11", client.StreamOptions{},
			func(c *socket) { c.welcome(); c.send(`{"type":"reconnect","afterMs":5}`); c.untilClosed() },
			func(c *socket) { c.resumed("e:10"); c.event(11); c.untilClosed() })
	})
	t.Run("with a fresh token when its own is refused", func(t *testing.T) {
		followed(t, "11", client.StreamOptions{},
			func(c *socket) { c.welcome(); c.close(4401) },
			func(c *socket) {
				if c.token != "a2" {
					t.Errorf("came back with token %s", c.token)
				}
				c.resumed("e:10")
				c.event(11)
				c.untilClosed()
			})
	})
	t.Run("after it was told why its token is refused", func(t *testing.T) {
		var reason string
		o := client.StreamOptions{OnState: func(s client.State) {
			if e, ok := errors.AsType[*client.Error](s.Err); ok {
				reason = e.Reason
			}
		}}
		followed(t, "11", o,
			func(c *socket) {
				c.send(`{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`)
				c.send(`{"type":"error","code":"AUTH_ERROR","message":"the session has ended","reason":"revoked","traceId":"4bf9","id":%q}`, c.read().ID)
				c.untilClosed()
			},
			func(c *socket) { c.resumed("e:10"); c.event(11); c.untilClosed() })
		if reason != "revoked" {
			t.Errorf("reason: %q", reason)
		}
	})
	t.Run("with the same token when the user has another role", func(t *testing.T) {
		followed(t, "11", client.StreamOptions{},
			func(c *socket) { c.welcome(); c.close(4403) },
			func(c *socket) {
				if c.token != "a1" {
					t.Errorf("came back with token %s", c.token)
				}
				c.resumed("e:10")
				c.event(11)
				c.untilClosed()
			})
	})
	t.Run("at the head when its place is gone, after it was told", func(t *testing.T) {
		var told []string
		o := client.StreamOptions{OnResync: func(_ context.Context, r client.Resync) error { told = append(told, r.Reason+" "+r.Cursor); return nil }}
		followed(t, "50 4 5", o,
			func(c *socket) {
				c.welcome()
				c.event(50)
				c.send(`{"type":"resync","reason":"epoch","cursor":"f:3"}`)
				c.event(4)
				c.close(websocket.StatusGoingAway)
			},
			func(c *socket) { c.resumed("e:4"); c.event(5); c.untilClosed() })
		if fmt.Sprint(told) != "[epoch f:3]" {
			t.Errorf("told %v", told)
		}
	})
	t.Run("at its cursor when it is followed again", func(t *testing.T) {
		s := newService(t,
			func(c *socket) { c.welcome(); c.event(11); c.event(12); c.event(13); c.untilClosed() },
			func(c *socket) { c.resumed("e:11"); c.event(12); c.untilClosed() })
		stream := s.client().Stream(client.StreamOptions{})
		// The loop is left while it handles 12.
		first, err := follow(t, stream, 2)
		if err != nil || fmt.Sprint(first) != "[11 12]" || stream.Cursor() != "e:11" {
			t.Errorf("%v, %v, cursor %s", first, err, stream.Cursor())
		}
		if again, err := follow(t, stream, 1); err != nil || fmt.Sprint(again) != "[12]" {
			t.Errorf("again: %v, %v", again, err)
		}
	})
}

func TestStream_renews_its_token_on_the_open_connection(t *testing.T) {
	s := newService(t, func(c *socket) {
		c.send(`{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`)
		got := map[string]sent{}
		for range 2 { // In either order: the token is due at once.
			m := c.read()
			got[m.Type] = m
			c.send(`{"type":"ack","id":%q,"topics":["drifts"]}`, m.ID)
		}
		if got["auth"].Token != "a2" || got["subscribe"].After != "e:10" || c.token != "a1" {
			t.Errorf("sent %+v", got)
		}
		c.event(11)
		c.untilClosed()
	})
	s.expiresIn.Store(1)
	if positions, err := follow(t, s.client().Stream(client.StreamOptions{}), 1); err != nil || len(positions) != 1 {
		t.Errorf("%v, %v", positions, err)
	}
}

func TestStream_ends(t *testing.T) {
	end := func(t *testing.T, o client.StreamOptions, prepare func(*service), scripts ...func(*socket)) error {
		t.Helper()
		s := newService(t, scripts...)
		if prepare != nil {
			prepare(s)
		}
		_, err := follow(t, s.client().Stream(o), 1)
		if err == nil {
			t.Error("no error")
		}
		return err
	}
	t.Run("when signing in is refused", func(t *testing.T) {
		err := end(t, client.StreamOptions{}, func(s *service) { s.closed.Store(true) })
		if !client.HasCode(err, client.CodeAuth) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when the user is deactivated", func(t *testing.T) {
		err := end(t, client.StreamOptions{}, nil, func(c *socket) { c.welcome(); c.closed.Store(true); c.close(4401) })
		if !client.HasCode(err, client.CodeAuth) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when the server says that the client is wrong", func(t *testing.T) {
		for _, code := range []websocket.StatusCode{1002, 1003, 1007, 1008, 1009} {
			err := end(t, client.StreamOptions{}, nil, func(c *socket) { c.welcome(); c.close(code) })
			if e, ok := errors.AsType[*client.CloseError](err); !ok || e.Code != int(code) || e.Reason != "because" {
				t.Errorf("err = %v", err)
			}
		}
	})
	t.Run("when the subscription is refused", func(t *testing.T) {
		err := end(t, client.StreamOptions{Topics: []string{"drift"}}, nil, func(c *socket) {
			c.send(`{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`)
			c.send(`{"type":"error","code":"VALIDATION_ERROR","message":"topics: unknown topic","traceId":"4bf9","id":%q}`, c.read().ID)
			c.untilClosed()
		})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != client.CodeValidation || e.TraceID != "4bf9" {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when the program cannot reload", func(t *testing.T) {
		broken := errors.New("the program's own database is gone")
		o := client.StreamOptions{OnResync: func(context.Context, client.Resync) error { return broken }}
		err := end(t, o, nil, func(c *socket) {
			c.welcome()
			c.send(`{"type":"resync","reason":"trimmed","cursor":"e:10"}`)
			c.untilClosed()
		})
		if !errors.Is(err, broken) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when it has only an access token, and that is refused", func(t *testing.T) {
		s := newService(t, func(c *socket) { c.close(4401) })
		c, err := client.New(s.listen(), client.WithSession(client.Session{AccessToken: "a0"}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := follow(t, c.Stream(client.StreamOptions{}), 1); !client.HasCode(err, client.CodeAuth) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("without an error when its context does, with a close frame", func(t *testing.T) {
		closed := make(chan websocket.StatusCode, 1)
		s := newService(t, func(c *socket) {
			c.welcome()
			_, _, err := c.conn.Read(c.ctx)
			closed <- websocket.CloseStatus(err)
		})
		ctx, cancel := context.WithCancel(t.Context())
		o := client.StreamOptions{OnState: func(s client.State) {
			if s.Phase == client.Live {
				cancel()
			}
		}}
		for _, err := range s.client().Stream(o).Events(ctx) {
			t.Errorf("got something: %v", err)
		}
		if code := <-closed; code != websocket.StatusNormalClosure {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("when it is followed twice at once", func(t *testing.T) {
		s := newService(t, func(c *socket) { c.welcome(); c.event(11); c.untilClosed() })
		stream := s.client().Stream(client.StreamOptions{})
		for _, err := range stream.Events(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := follow(t, stream, 1); err == nil {
				t.Error("no error")
			}
			break
		}
	})
}

// TestStream_hears: a connection over which nothing is heard for two heartbeats is dead, and one with heartbeats is not.
func TestStream_hears(t *testing.T) {
	const welcome = `{"type":"welcome","connectionId":"c","cursor":"e:10","heartbeatMs":25000}`
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newService(t,
			func(c *socket) {
				c.send(welcome)
				c.subscribed()
				read := c.conn.CloseRead(c.ctx)
				for range 3 {
					<-time.After(45 * time.Second)
					if err := c.conn.Ping(read); err != nil {
						t.Error(err)
					}
				}
				c.event(11)
				<-read.Done() // The socket stays open, and silent.
			},
			func(c *socket) { c.resumed("e:11"); c.event(12); c.untilClosed() })
		positions, err := follow(t, s.piped().Stream(client.StreamOptions{}), 2)
		if err != nil || fmt.Sprint(positions) != "[11 12]" {
			t.Errorf("positions %v, %v", positions, err)
		}
		if took := time.Since(began).Round(time.Second); took != (3*45+50)*time.Second {
			t.Errorf("came back after %s", took)
		}
	})
}

// TestStream_waits_for_a_slow_loop: a program that is slower than its events loses none of them, what the client reads ahead
// is bounded, and the time that it does not read is not taken for silence.
func TestStream_waits_for_a_slow_loop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 500
		s := newService(t, func(c *socket) {
			c.welcome()
			for i := range events {
				c.event(11 + i)
			}
			c.untilClosed()
		})
		var ahead atomic.Int64
		o := client.StreamOptions{OnFrame: func([]byte) { ahead.Add(1) }}
		next := int64(11)
		for e, err := range s.piped().Stream(o).Events(t.Context()) {
			if err != nil || e.Position != next {
				t.Fatalf("position %d, %v; want %d", e.Position, err, next)
			}
			if next == 11 {
				<-time.After(10 * time.Minute)
				if n := ahead.Load(); n > 70 {
					t.Errorf("%d frames were read ahead", n)
				}
			}
			next++
			if next == 11+events {
				break
			}
		}
		if s.played.Load() != 1 {
			t.Errorf("%d connections", s.played.Load())
		}
	})
}
