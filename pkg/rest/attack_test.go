package rest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/pkg/rest"
)

// pipes is a listener whose connections live in memory, so that synctest's clock rules them.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.closed); return nil }
func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// TestAttackSlowClients: who sends or reads slowly loses the connection when the time of that phase is over, and holds
// nothing for longer. Mutations: without ReadHeaderTimeout, IdleTimeout or WriteTimeout in NewServer, or
// SetReadDeadline in Deadline, the test of that phase never ends, which synctest reports as a deadlock.
func TestAttackSlowClients(t *testing.T) {
	const requestTimeout = 20 * time.Second
	answer := strings.Repeat("x", 1<<20)
	handler := rest.Deadline(requestTimeout)(rest.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path != "/unread" {
			if _, err := rest.ReadBody(w, r, rest.MaxBody); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, answer)
		return err
	}))
	for name, c := range map[string]struct {
		send string
		read bool
		want time.Duration
	}{
		"a header that never ends":      {"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", true, 10 * time.Second},
		"not one byte":                  {"", true, 10 * time.Second},
		"a body that never comes":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive.", true, requestTimeout},
		"a body that nobody reads":      {"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive.", true, requestTimeout},
		"a response that is never read": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, requestTimeout + 10*time.Second},
		"a connection that stays there": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := &pipes{make(chan net.Conn), make(chan struct{})}
				ended := make(chan time.Time, 1)
				server := rest.NewServer(handler, requestTimeout+10*time.Second)
				server.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						ended <- time.Now()
					}
				}
				go func() { _ = server.Serve(listener) }()
				conn, began := listener.dial(), time.Now()
				_, err := io.WriteString(conn, c.send)
				if err != nil {
					t.Fatal(err)
				}
				if c.read {
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				}
				// net/http lingers for half a second before it closes a connection with unread data. What is unread has a second.
				if took := (<-ended).Sub(began); took < c.want || took > c.want+2*time.Second {
					t.Errorf("closed after %v, want %v", took, c.want)
				}
				_ = conn.Close()
				if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// TestDeadline_slow_bodies: a body that is not there in time is a timeout, and never a client that is gone. Mutation: Deadline
// that sets the deadline of reading to that of the context.
func TestDeadline_slow_bodies(t *testing.T) {
	handler := rest.Deadline(time.Second)(rest.Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, err := rest.ReadBody(w, r, rest.MaxBody)
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		return err
	}))
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{make(chan net.Conn), make(chan struct{})}
		server := rest.NewServer(handler, time.Minute)
		go func() { _ = server.Serve(listener) }()
		statuses := make(chan int)
		for range 200 {
			conn := listener.dial()
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive."); err != nil {
					t.Error(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
					statuses <- 0
					return
				}
				_ = resp.Body.Close()
				statuses <- resp.StatusCode
			}()
		}
		for range 200 {
			if status := <-statuses; status != http.StatusGatewayTimeout {
				t.Errorf("status = %d", status)
			}
		}
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
