package courier_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/driftsentry/driftsentry/pkg/dial"
	"github.com/driftsentry/driftsentry/services/api/internal/courier"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// local allows receivers on this machine.
var local = dial.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}

const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func send(ctx context.Context, guard dial.Guard, kind notify.Kind, url string) notify.Outcome {
	return courier.New(courier.Config{Guard: guard}).Send(ctx, kind, notify.Target{URL: url, Secret: secret}, &notify.Message{ID: uuid.New(), At: time.Now(), Test: true})
}

// raw is a server that says what a function writes.
func raw(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					say(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	return "http://" + l.Addr().String()
}

// TestSend: what receivers say, and what it means. A success needs no body, a redirect is none, and a lying or endless body is not
// waited for.
//
// Mutations: the body of a success read to its end; redirects followed; Retry-After not read, or not bounded; 410 tried again; Slack's
// word shown whatever it is.
func TestSend(t *testing.T) {
	endless := func(status string) func(net.Conn) {
		return func(conn net.Conn) {
			_, err := io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: 1000000000000\r\n\r\n")
			for err == nil {
				_, err = conn.Write(make([]byte, 1<<16))
			}
		}
	}
	say := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")) }
	}
	for name, c := range map[string]struct {
		say     func(net.Conn)
		slack   bool
		status  int
		failure string // begins with this; empty for a success
		after   time.Duration
		final   bool
	}{
		"accepts":                          {say: say("HTTP/1.1 204 No Content\n\n"), status: 204},
		"accepts, with a length that lies": {say: say("HTTP/1.1 200 OK\nContent-Length: 1000\n\nshort"), status: 200},
		"accepts, with an endless body":    {say: endless("200 OK"), status: 200},
		"fails, with an endless body":      {say: endless("500 No"), slack: true, status: 500, failure: "status 500"},
		"fails":                            {say: say("HTTP/1.1 503 No\nRetry-After: 7\nContent-Length: 0\n\n"), status: 503, failure: "status 503", after: 7 * time.Second},
		"asks for a year":                  {say: say("HTTP/1.1 429 No\nRetry-After: 31536000\nContent-Length: 0\n\n"), status: 429, failure: "status 429", after: 25 * time.Hour},
		"asks for nonsense":                {say: say("HTTP/1.1 429 No\nRetry-After: -5\nContent-Length: 0\n\n"), status: 429, failure: "status 429"},
		"is gone":                          {say: say("HTTP/1.1 410 Gone\nContent-Length: 0\n\n"), status: 410, failure: "status 410", final: true},
		"redirects":                        {say: say("HTTP/1.1 307 Away\nLocation: http://127.0.0.1:1/\nContent-Length: 0\n\n"), status: 307, failure: "status 307: redirects are not followed"},
		"Slack refuses":                    {say: say("HTTP/1.1 400 No\nContent-Length: 14\n\ninvalid_blocks"), slack: true, status: 400, failure: "status 400: invalid_blocks", final: true},
		"shows a secret":                   {say: say("HTTP/1.1 404 No\nContent-Length: 9\n\nroot:x:0:"), slack: true, status: 404, failure: "status 404"},
		"speaks something else":            {say: say("SSH-2.0-OpenSSH_9.9\n\n"), failure: "the connection failed"},
		"closes at once":                   {say: func(net.Conn) {}, failure: "the connection failed"},
		"has endless headers": {say: func(conn net.Conn) {
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = io.WriteString(conn, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
			}
		}, failure: "the connection failed"},
	} {
		t.Run(name, func(t *testing.T) {
			kind := notify.Webhook
			if c.slack {
				kind = notify.Slack
			}
			url := raw(t, c.say)
			got := send(t.Context(), local, kind, url+"/path-that-is-secret")
			if got.Status != c.status || !strings.HasPrefix(got.Failure, c.failure) || (got.Failure == "") != (c.failure == "") || got.RetryAfter != c.after || got.Final != c.final {
				t.Errorf("%+v", got)
			}
			if strings.Contains(got.Failure, "secret") || strings.Contains(got.Failure, "root") {
				t.Errorf("it shows too much: %s", got.Failure)
			}
		})
	}
}

// TestSend_hanging: a receiver that takes the request and says nothing is given up after the timeout. Mutation: a client without one.
func TestSend_hanging(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	if got := send(t.Context(), local, notify.Webhook, server.URL); got.Failure != "no response within 10s" || got.Final {
		t.Errorf("%+v", got)
	}
}

// TestAttackRebinding: a name that leads to a public address when it is asked for first, and to this machine afterwards, gains
// nothing: what counts is the address of the connection. Mutation: the address looked up, and judged, before the request.
func TestAttackRebinding(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	asked := rebinding(t)
	outcomes := make([]notify.Outcome, 3)
	for i := range outcomes {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // The public address is not ours to wait for.
		outcomes[i] = send(ctx, dial.Guard{}, notify.Webhook, "http://rebind.example:"+port+"/")
		cancel()
	}
	if reached.Load() || asked.Load() < 2 {
		t.Errorf("reached: %t, after %d questions: %+v", reached.Load(), asked.Load(), outcomes)
	}
	if last := outcomes[2].Failure; !strings.Contains(last, "not public") {
		t.Errorf("the last attempt: %s", last)
	}
}

// rebinding makes a resolver whose first response is a public address, and all others this machine's.
func rebinding(t *testing.T) *atomic.Int32 {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				address := [4]byte{127, 0, 0, 1}
				if asked.Load() == 0 {
					address = [4]byte{192, 0, 46, 9}
				}
				asked.Add(1)
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: address}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
		<-done
	})
	return &asked
}
