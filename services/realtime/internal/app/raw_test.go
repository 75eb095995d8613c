package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// raw is a socket that is read only when the test says so.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

// raw opens a socket with a receive buffer of that size (0 for the usual one), and subscribes to drifts.
func (s *service) raw(u user, buffer int) *raw {
	s.t.Helper()
	r := s.handshake(u, buffer)
	r.next(s.t) // the welcome
	subscribe := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"subscribe","id":"1","topics":["drifts"]}`))))
	if _, err := r.conn.Write(subscribe); err != nil {
		s.t.Fatal(err)
	}
	r.next(s.t) // the ack
	return r
}

// handshake upgrades.
func (s *service) handshake(u user, buffer int) *raw {
	s.t.Helper()
	r, status := s.knock(s.sign(u), buffer)
	if status != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake: %d", status)
	}
	return r
}

// knock requests the upgrade, with the token where a browser sends it, and returns the response's status.
func (s *service) knock(bearer string, buffer int) (*raw, int) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.app.Address().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if buffer > 0 {
		if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	req := s.upgradeRequest(bearer)
	if err := req.Write(conn); err != nil {
		s.t.Fatal(err)
	}
	r := &raw{conn, bufio.NewReaderSize(conn, 512)}
	resp, err := http.ReadResponse(r.in, req)
	if err != nil {
		s.t.Fatalf("handshake: %v", err)
	}
	return r, resp.StatusCode
}

func (s *service) upgradeRequest(bearer string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url("/ws"), http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"driftsentry.v1, bearer." + bearer},
	}
	return req
}

func (r *raw) next(t *testing.T) (ws.OpCode, []byte) {
	t.Helper()
	h, err := ws.ReadHeader(r.in)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(r.in, payload); err != nil {
		t.Fatal(err)
	}
	return h.OpCode, payload
}
