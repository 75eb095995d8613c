package ws_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// client is a socket whose frames are written and read one by one.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// dial opens a socket of a new caller.
func (s *server) dial() *client { return s.dialAs(newCaller()) }

func (s *server) dialAs(c caller) *client {
	s.t.Helper()
	cl, resp := s.open(s.request(s.sign(c), nil))
	if resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake: %s", resp.Status)
	}
	if m := cl.message(); m.Type != "welcome" {
		s.t.Fatalf("the first message is %+v", m)
	}
	return cl
}

// tcp opens a connection and sends nothing.
func (s *server) tcp() net.Conn {
	s.t.Helper()
	conn, err := s.dialer.DialContext(s.t.Context(), "tcp", s.http.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// open sends a handshake and reads the response.
func (s *server) open(req *http.Request) (*client, *http.Response) {
	s.t.Helper()
	conn := s.tcp()
	if err := req.Write(conn); err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, conn: conn, in: bufio.NewReader(conn)}
	resp, err := http.ReadResponse(c.in, req)
	if err != nil {
		s.t.Fatal(err)
	}
	return c, resp
}

// write sends bytes as they are.
func (c *client) write(p []byte) {
	c.t.Helper()
	c.wait()
	if _, err := c.conn.Write(p); err != nil && !errors.Is(err, net.ErrClosed) && !isReset(err) {
		c.t.Fatal(err)
	}
}

// wait gives what comes next all of the patience, however long ago the socket was opened.
func (c *client) wait() {
	c.t.Helper()
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Fatal(err)
	}
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe")
}

// frame is the bytes of a client's frame.
func frame(op gobwas.OpCode, fin bool, payload string) []byte {
	f := gobwas.NewFrame(op, fin, []byte(payload))
	return gobwas.MustCompileFrame(gobwas.MaskFrameWith(f, [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}

func textFrame(payload string) []byte { return frame(gobwas.OpText, true, payload) }

func (c *client) send(message string) {
	c.t.Helper()
	c.write(textFrame(message))
}

// read gives the next frame.
func (c *client) read() (gobwas.Header, []byte) {
	c.t.Helper()
	c.wait()
	h, err := gobwas.ReadHeader(c.in)
	if err != nil {
		c.t.Fatalf("read a frame: %v", err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		c.t.Fatalf("read a frame: %v", err)
	}
	if err := gobwas.CheckHeader(h, gobwas.StateClientSide); err != nil {
		c.t.Fatalf("the server's frame %+v: %v", h, err)
	}
	return h, payload
}

// message gives the next text frame, decoded; heartbeats are stepped over.
func (c *client) message() serverMessage {
	c.t.Helper()
	for {
		h, payload := c.read()
		switch h.OpCode {
		case gobwas.OpText:
			return decode(c.t, payload)
		case gobwas.OpPing:
		default:
			c.t.Fatalf("a frame with opcode %x: %q", h.OpCode, payload)
		}
	}
}

// closed reads up to the close frame and then to the end of the connection, and gives the code and reason.
func (c *client) closed() (code int, reason string) {
	c.t.Helper()
	for {
		h, payload := c.read()
		if h.OpCode != gobwas.OpClose {
			continue
		}
		if len(payload) >= 2 {
			code, reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
		if more, err := io.ReadAll(c.in); len(more) > 0 || err != nil && !isReset(err) {
			c.t.Errorf("after the close frame: %q, %v", more, err)
		}
		return code, reason
	}
}

func (c *client) expectClose(want int) {
	c.t.Helper()
	if code, reason := c.closed(); code != want {
		c.t.Errorf("closed with %d %q, want %d", code, reason, want)
	}
}

// serverMessage is what the server says.
type serverMessage struct {
	Type         string   `json:"type"`
	ID           *string  `json:"id"`
	Code         string   `json:"code"`
	Message      string   `json:"message"`
	TraceID      string   `json:"traceId"`
	Cursor       string   `json:"cursor"`
	Reason       string   `json:"reason"`
	Topics       []string `json:"topics"`
	HeartbeatMs  int64    `json:"heartbeatMs"`
	ConnectionID string   `json:"connectionId"`
	AfterMs      *int64   `json:"afterMs"`
}

func decode(t testing.TB, payload []byte) serverMessage {
	t.Helper()
	spec.Frame(t, spec.FromServer, payload)
	var m serverMessage
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// ping sends a ping and expects the pong: earlier frames were understood, and the connection is alive.
func (c *client) ping() {
	c.t.Helper()
	c.send(`{"type":"ping","id":"p"}`)
	m := c.message()
	for m.Type == "position" {
		m = c.message()
	}
	if m.Type != "pong" || m.ID == nil || *m.ID != "p" {
		c.t.Errorf("the reply to ping is %+v", m)
	}
}

// dialWith opens a socket and sends bytes in one packet with the handshake.
func (s *server) dialWith(early []byte) *client {
	s.t.Helper()
	conn := s.tcp()
	req := s.request(s.sign(newCaller()), nil)
	var packet bytes.Buffer
	if err := req.Write(&packet); err != nil {
		s.t.Fatal(err)
	}
	packet.Write(early)
	if _, err := conn.Write(packet.Bytes()); err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, conn: conn, in: bufio.NewReader(conn)}
	if resp, err := http.ReadResponse(c.in, req); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake: %v, %v", resp, err)
	}
	if m := c.message(); m.Type != "welcome" {
		s.t.Fatalf("the first message is %+v", m)
	}
	return c
}

func closeWrite(c *client) {
	c.t.Helper()
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}
