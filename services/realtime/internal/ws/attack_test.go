package ws_test

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
)

// Attacks on the sockets. Each says which change of the source makes it fail: it was tried, where nothing else is said.

// A page of another origin has the token of a signed-in user, and opens a socket in their name.
// Mutation: originAllowed always true.
func TestAttackCrossSiteOrigin(t *testing.T) {
	s := newServer(t)
	token := s.sign(newCaller())
	for _, origin := range []string{
		"https://evil.example", "null", "https://app.example.evil.example", "https://evilapp.example", "https://app.example:8443",
		"http://app.example", "https://app.example/", "https://app.example@evil.example", "https://sub.app.example", "file://", " ", "*",
	} {
		resp := s.do(t, s.request("", func(h http.Header) {
			h.Set("Origin", origin)
			h.Set("Sec-WebSocket-Protocol", "driftsentry.v1, bearer."+token)
		}))
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: %s", origin, resp.Status)
		}
	}
	resp := s.do(t, s.request(token, func(h http.Header) { h["Origin"] = []string{"https://app.example", "https://evil.example"} }))
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("two origins: %s", resp.Status)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// Handshakes without end, with a token that is good: each asks the database for the session.
// Mutation: attempt always nil.
func TestAttackHandshakeFlood(t *testing.T) {
	const allowed = 5
	s := newServer(t, func(c *ws.Config) { c.Limits.Handshakes = allowed })
	me := newCaller()
	s.sessions.end(me.session) // so that each is closed at once, and no other limit is met
	for i := range 50 {
		resp := s.do(t, s.request(s.sign(me), nil))
		if i < allowed && resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("handshake %d: %s", i, resp.Status)
		}
		if i < allowed {
			continue
		}
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != http.StatusTooManyRequests || err != nil || seconds < 1 {
			t.Errorf("handshake %d: %s, Retry-After %q", i, resp.Status, resp.Header.Get("Retry-After"))
		}
	}
	if asked := s.sessions.questions(); asked != allowed {
		t.Errorf("the sessions were asked %d times, want %d", asked, allowed)
	}
	s.metric(`driftsentry_realtime_limited_total{limit="handshakes"} 45.0`)
	s.dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	s.dial().ping() // Another address is not touched by it.
}

// Connections that begin a handshake and never end it, to take the descriptors.
// Mutation: ConnState never closes.
func TestAttackHalfOpen(t *testing.T) {
	const allowed = 1000
	s := newServer(t, func(c *ws.Config) { c.Limits.Pending = allowed })
	open := s.dial()
	half := make([]net.Conn, allowed)
	for i := range half {
		half[i] = s.tcp()
		if _, err := half[i].Write([]byte("GET /ws HTTP/1.1\r\nHost: x\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	s.metric(`driftsentry_realtime_connections_pending 1000.0`)
	for range 20 {
		if _, err := s.tcp().Read(make([]byte, 1)); err == nil {
			t.Error("one connection too many was accepted")
		}
	}
	s.metric(`driftsentry_realtime_limited_total{limit="pending"} 20.0`)
	open.ping() // What is open stays open, and takes none of these places.
	for _, c := range half {
		_ = c.Close()
	}
	s.metric(`driftsentry_realtime_connections_pending 0.0`)
	s.dial().ping()
}

// Sockets that are opened and never heard of again, some in the middle of a frame, to take all places.
// Mutation: beat never cuts.
func TestAttackIdleSockets(t *testing.T) {
	const many = 1500
	const heartbeat = 4 * time.Minute // longer than it takes to open them; three are less than a token holds
	s := newServer(t, func(c *ws.Config) { c.Heartbeat, c.Limits.Total = heartbeat, many+1 })
	alive := s.dial()
	for i := range many {
		if c := s.dial(); i%2 == 0 {
			c.write(textFrame(padded(16 << 10))[:100])
		}
	}
	if resp := s.do(t, s.request(s.sign(newCaller()), nil)); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one socket more: %s", resp.Status)
	}
	s.metric(`driftsentry_realtime_limited_total{limit="total"} 1.0`)
	for range 3 {
		s.clock.forward(heartbeat)
		alive.ping()
	}
	s.eventually("only the one that responds is left", func() bool { return s.Connections() == 1 })
	alive.ping()
	s.dial().ping()
}

// A client that asks and never reads: pings with all the payload that they may have.
// Mutation: the queue of responses without its bound.
func TestAttackPingFloodUnread(t *testing.T) {
	s := newServer(t)
	beside := s.dial()
	s.dialer.Control = ws.SmallBuffer
	c := s.dial()
	flood := slices.Repeat(ping(strings.Repeat("x", 125)), 1000)
	closed := func() bool {
		return strings.Contains(s.tel.Metrics(), `driftsentry_realtime_closes_total{code="4408"} 1.0`)
	}
	for range 200 { // 25 MB: far more than the kernel keeps
		if closed() {
			break
		}
		c.write(flood)
	}
	s.eventually("it is closed with 4408", closed)
	beside.ping()
}

// Fragments of a text that never ends. None is large; the sum is bounded, and so is how many come.
// Mutations: the sum not checked; fragments not counted by the limiter.
func TestAttackEndlessFragments(t *testing.T) {
	t.Run("filled", func(t *testing.T) {
		c := newServer(t).dial()
		c.t = t
		c.write(first("x"))
		c.write(slices.Repeat(more("x"), 16<<10))
		c.expectClose(closeTooBig)
	})
	t.Run("empty", func(t *testing.T) {
		s := newServer(t, func(c *ws.Config) { c.MessageRate, c.MessageBurst = 0.001, 100 })
		c := s.dial()
		c.t = t
		c.write(first(""))
		c.write(slices.Repeat(more(""), 200))
		c.expectClose(4429)
	})
}

// Subscriptions to as many topics as go into a message, again and again.
// Mutations: no bound of topics; no limiter.
func TestAttackSubscribeStorm(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.MessageRate, c.MessageBurst = 0.001, 50 })
	c := s.dial()
	storm := func(message int) []byte {
		topics := make([]string, 100)
		for i := range topics {
			topics[i] = `"drift:019a0000-0000-7000-8000-` + strconv.Itoa(100_000_000_000+message*100+i) + `"`
		}
		return textFrame(`{"type":"subscribe","id":"1","topics":[` + strings.Join(topics, ",") + `]}`)
	}
	for message := range 5 {
		c.write(storm(message))
		want := "ack"
		if message >= 2 {
			want = "error"
		}
		if m := c.message(); m.Type != want || len(m.Topics) > 200 {
			t.Errorf("message %d: %s with %d topics, want %s", message, m.Type, len(m.Topics), want)
		}
	}
	s.metric(`driftsentry_realtime_subscriptions{topic="drift"} 200.0`)
	for range 60 {
		c.write(textFrame(`{"type":"unsubscribe","id":"1","topics":["drifts"]}`))
	}
	c.expectClose(4429)
	_ = c.conn.Close()
	s.metric(`driftsentry_realtime_subscriptions{topic="drift"} 0.0`)
}

// What is no text: binary, as large as the header can say, and compressed without having been asked.
// Mutations: no check of the opcode; of the length; of the reserved bits.
func TestAttackFramesOfAnotherKind(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.MessageRate, c.MessageBurst = rate.Inf, 1 })
	for name, e := range map[string]exchange{
		"binary":          {sends(frame(gobwas.OpBinary, true, "\x00\x01")), gets(closes(closeBinary))},
		"2^63-1 bytes":    {sends([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), gets(closes(closeTooBig))},
		"16 KiB and more": {sends(textFrame(padded(16<<10 + 1))), gets(closes(closeTooBig))},
		"compressed":      {sends(raw(0xc1, "\xaa\x56\x2a\xa9")), gets(closes(closeProtocol))},
	} {
		t.Run(name, func(t *testing.T) { s.conforms(t, e, ways["in one packet"]) })
	}
}
