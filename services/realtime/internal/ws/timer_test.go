package ws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
)

func TestServer_expiry(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Heartbeat = 24 * time.Hour })
	me := newCaller()
	c, renewed := s.dialAs(me), s.dialAs(me)
	renewed.send(`{"type":"auth","id":"a","token":"` + s.signIn(me, time.Hour) + `"}`)
	if m := renewed.message(); m.Type != "ack" {
		t.Fatalf("got %+v", m)
	}
	s.clock.forward(16 * time.Minute)
	c.expectClose(4401)
	s.clockPass()
	renewed.ping()
	s.clock.forward(time.Hour)
	renewed.expectClose(4401)
}

// TestServer_expiry_leeway: a token that is over by our clock, but within the leeway, opens a socket that stays. Mutations:
// ExpiresAt in the place of Until, for a new connection, or for a fresh token.
func TestServer_expiry_leeway(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Heartbeat = 24 * time.Hour })
	s.clock.forward(time.Minute)
	me := newCaller()
	late := s.signIn(me, time.Minute+10*time.Second-token.Leeway)
	c, resp := s.open(s.request(late, nil))
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	if m := c.message(); m.Type != "welcome" {
		t.Fatalf("got %+v", m)
	}
	s.clockPass()
	c.ping()
	c.send(`{"type":"auth","id":"a","token":"` + late + `"}`)
	if m := c.message(); m.Type != "ack" {
		t.Fatalf("got %+v", m)
	}
	s.clockPass()
	c.ping()
}

// clockPass returns when the timers of all connections have been looked at.
func (s *server) clockPass() {
	s.t.Helper()
	me := newCaller()
	c, resp := s.open(s.request(s.signIn(me, time.Second), nil))
	if resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatal(resp.Status)
	}
	c.expectClose(4401)
}

func TestServer_revocation(t *testing.T) {
	s := newServer(t)
	me, other := newCaller(), newCaller()
	mine, second, theirs := s.dialAs(me), s.dialAs(caller{me.user, me.account, uuid.New()}), s.dialAs(other)
	s.sessions.end(me.session)
	mine.expectClose(4401)
	second.ping() // another session of the same user
	theirs.ping()

	t.Run("a session replaced by an auth message is no longer checked", func(*testing.T) {
		before := caller{other.user, other.account, uuid.New()}
		c := s.dialAs(before)
		c.send(`{"type":"auth","id":"a","token":"` + s.sign(other) + `"}`)
		c.message()
		s.sessions.end(before.session)
		for range 2 { // The second look begins after the first has ended.
			witness := newCaller()
			w := s.dialAs(witness)
			s.sessions.end(witness.session)
			w.expectClose(4401)
		}
		c.ping()
	})
}

// A connection whose user has another role than when it opened ends, and one that opened since stays, also of the same session.
// Mutations: checkSessions without the comparison of roles, or without asking where two of a session differ; renew without it.
func TestServer_role_changes(t *testing.T) {
	s := newServer(t)
	me, other := newCaller(), newCaller()
	before, theirs := s.dialAs(me), s.dialAs(other)
	s.sessions.demote(me.session)
	since := s.dialAs(me)
	before.expectClose(4403)
	since.ping()
	theirs.ping()

	t.Run("shown by a fresh token", func(t *testing.T) {
		fresh := caller{other.user, other.account, uuid.New()}
		s.sessions.demote(fresh.session)
		theirs.send(`{"type":"auth","id":"a","token":"` + s.sign(fresh) + `"}`)
		// At once, without an ack: the check of sessions would end it, too, but later.
		h, payload := theirs.read()
		if code, reason := gobwas.ParseCloseFrameData(payload); h.OpCode != gobwas.OpClose || code != 4403 {
			t.Errorf("got %+v, %d %q", h, code, reason)
		}
	})
}

func TestServer_heartbeat(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Heartbeat = 25 * time.Second })
	c, resp := s.open(s.request(s.sign(newCaller()), nil))
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	if m := c.message(); m.HeartbeatMs != 25_000 || m.Cursor != "e1:7" || uuid.Validate(m.ConnectionID) != nil {
		t.Errorf("welcome: %+v", m)
	}
	expectPing := func(c *client) {
		t.Helper()
		if h, _ := c.read(); h.OpCode != gobwas.OpPing {
			t.Fatalf("got %+v, want a ping", h)
		}
	}
	t.Run("a ping each interval, with the position for subscribers", func(t *testing.T) {
		s.clock.forward(25 * time.Second)
		expectPing(c)
		c.write(frame(gobwas.OpPong, true, ""))
		c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
		c.message()
		s.clock.forward(25 * time.Second)
		expectPing(c)
		if m := c.message(); m.Type != "position" || m.Cursor != "e1:7" {
			t.Errorf("got %+v", m)
		}
		c.write(frame(gobwas.OpPong, true, ""))
		c.ping()
	})
	t.Run("a client that sends nothing for two intervals is disconnected", func(*testing.T) {
		silent := s.dial()
		for range 3 {
			s.clock.forward(25 * time.Second)
			c.ping() // keeps itself alive
		}
		for {
			if _, err := silent.in.ReadByte(); err != nil {
				break
			}
		}
		c.ping()
		s.eventually("it is counted", func() bool {
			return strings.Contains(s.tel.Metrics(), `driftsentry_realtime_closes_total{code="1006"} 1.0`)
		})
	})
}

// A client that reads slowly finds the heartbeats late, behind all that it has not read yet. It is not silent.
func TestServer_heartbeat_of_a_slow_reader(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: only Linux tells what the client has acknowledged")
	}
	s := newServer(t, func(c *ws.Config) { c.Heartbeat = 25 * time.Second })
	s.dialer.Control = ws.SmallBuffer
	c := s.dial()
	c.send(`{"type":"subscribe","id":"1","topics":["drifts"]}`)
	c.message()
	stream := s.hub.Streams()[0]
	events := make([]event.Event, 20_000)
	for i := range events {
		events[i] = event.Event{Position: stream.Head() + int64(i) + 1, Topics: []string{"drifts"}, Body: benchBody}
	}
	if err := stream.Publish(events); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 256<<10)
	for beats := 1; beats <= 6; beats++ {
		if _, err := io.ReadFull(c.in, part); err != nil {
			t.Fatalf("after %d heartbeats: %v", beats-1, err)
		}
		s.clock.forward(26 * time.Second)
		want := fmt.Sprintf(`driftsentry_realtime_frames_total{direction="sent",type="ws_ping"} %d.0`, beats)
		s.eventually(want, func() bool { return strings.Contains(s.tel.Metrics(), want) })
	}
	// Now it stops. Data that waits for it does not replace a reply.
	s.eventually("it is given up", func() bool {
		s.clock.forward(26 * time.Second)
		return s.Connections() == 0
	})
}

func TestServer_Stop(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Linger = 50 * time.Millisecond })
	clients := make([]*client, 20)
	for i := range clients {
		clients[i] = s.dial()
	}
	deaf := s.dial() // it never replies to the close frame
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { stopped <- s.Stop(ctx) }()
	spread := map[int64]bool{}
	for _, c := range clients {
		m := c.message()
		if m.Type != "reconnect" || m.AfterMs == nil {
			t.Fatalf("got %+v", m)
		}
		spread[*m.AfterMs] = true
		c.expectClose(1012)
	}
	if len(spread) < 5 {
		t.Errorf("the clients come back together: %v", spread)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	_ = deaf
	t.Run("no client is accepted any more", func(t *testing.T) {
		if resp := s.do(t, s.request(s.sign(newCaller()), nil)); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s", resp.Status)
		}
	})
}

func TestServer_a_close_frame_that_is_answered_ends_it_at_once(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Linger = time.Hour })
	me := newCaller()
	c := s.dialAs(me)
	s.sessions.end(me.session)
	c.expectClose(4401)
	c.write(frame(gobwas.OpPong, true, "")) // It is stepped over.
	c.write(frame(gobwas.OpClose, true, closePayload(4401, "")))
	s.eventually("the socket is gone", func() bool { return s.Connections() == 0 })
}

func TestServer_Stop_cuts_off_what_takes_too_long(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Linger = time.Hour })
	deaf := s.dial()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(ctx) }()
	deaf.message() // the reconnect: it is asked to go, and stays
	cancel()
	if err := <-stopped; err == nil || !strings.Contains(err.Error(), "1 sockets were cut off") {
		t.Errorf("err = %v", err)
	}
	s.eventually("it is gone", func() bool { return s.Connections() == 0 })
}
