package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	gobwas "github.com/gobwas/ws"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/fault"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/spec"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/telemetry/telemetrytest"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
)

// patience bounds every wait; only a failing test gets near it.
const patience = time.Minute

const secret = "0123456789abcdef0123456789abcdef"

// stream is an event store with one stream, the same for every account.
type stream struct{ window event.Window }

func (s stream) Window(context.Context, uuid.UUID) (event.Window, error) { return s.window, nil }
func (s stream) Events(context.Context, uuid.UUID, int64, int) ([]event.Event, error) {
	return nil, nil
}

// sessions is who is signed in.
type sessions struct {
	mu    sync.Mutex
	ended []uuid.UUID
	fail  error
	asked int // about a session that opens a socket
}

func (s *sessions) Active(_ context.Context, c token.Claims) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return !slices.Contains(s.ended, c.SessionID), s.fail
}

func (s *sessions) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *sessions) Ended(_ context.Context, asked []uuid.UUID) ([]uuid.UUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ended []uuid.UUID
	for _, id := range asked {
		if slices.Contains(s.ended, id) {
			ended = append(ended, id)
		}
	}
	return ended, s.fail
}

func (s *sessions) setFailure(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

var errUnavailable = fault.New(fault.Unavailable, "the database is not available")

func (s *sessions) end(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, id)
}

// clock is a time that the test moves.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

// server is a running ws.Server without a database.
type server struct {
	*ws.Server
	t        testing.TB
	http     *httptest.Server
	hub      *hub.Hub
	tel      *telemetrytest.Recorder
	sessions *sessions
	clock    *clock
	tokens   *token.Access
	dialer   net.Dialer
}

func newServer(t testing.TB, options ...func(*ws.Config)) *server {
	t.Helper()
	s := &server{t: t, tel: telemetrytest.Start(t), sessions: &sessions{}, clock: &clock{}, tokens: token.NewAccess(secret, "", 15*time.Minute)}
	config := ws.Config{
		Origins:     []string{"https://app.example"},
		MessageRate: rate.Inf,
		Timing:      ws.Timing{Tick: 2 * time.Millisecond, SessionCheck: 2 * time.Millisecond, Now: s.clock.now},
	}
	for _, option := range options {
		option(&config)
	}
	var err error
	// A stall is the hub's affair. Here it must not end what another bound should.
	if s.hub, err = hub.New(hub.Config{Stall: time.Hour}, stream{event.Window{Epoch: "e1", Head: 7}}, ws.Encoder{}, s.tel.Telemetry); err != nil {
		t.Fatal(err)
	}
	if s.Server, err = ws.New(config, s.tokens, s.sessions, s.hub, s.tel.Telemetry); err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	r.Use(s.tel.HTTP(telemetry.HTTPOptions{Trusted: s.Trusted, Panic: rest.Panic}), rest.SecurityHeaders)
	r.Method(http.MethodGet, "/ws", rest.Handler(s.Handshake))
	s.http = httptest.NewUnstartedServer(r)
	s.http.Config.ConnState = s.ConnState
	s.http.Start()
	ctx, cancel := context.WithCancel(context.Background())
	var timers sync.WaitGroup
	timers.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() {
		stop, cancelStop := context.WithTimeout(context.Background(), patience)
		defer cancelStop()
		if err := s.Stop(stop); err != nil {
			t.Error(err)
		}
		cancel()
		timers.Wait()
		s.hub.Wait()
		s.http.Close()
	})
	return s
}

// caller is a user with a session.
type caller struct{ user, account, session uuid.UUID }

func newCaller() caller { return caller{uuid.New(), uuid.New(), uuid.New()} }

func (s *server) sign(c caller) string {
	s.t.Helper()
	signed, err := s.tokens.Sign(c.user, c.account, c.session)
	if err != nil {
		s.t.Fatal(err)
	}
	return signed
}

// signIn makes a token that holds for so long.
func (s *server) signIn(c caller, d time.Duration) string {
	s.t.Helper()
	signed, err := token.NewAccess(secret, "", d).Sign(c.user, c.account, c.session)
	if err != nil {
		s.t.Fatal(err)
	}
	return signed
}

// eventually repeats a question that has no event of its own, until the answer is yes.
func (s *server) eventually(what string, yes func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("never: %s", what)
		}
	}
}

// metric waits until the metrics have this line.
func (s *server) metric(line string) {
	s.t.Helper()
	s.eventually(line, func() bool { return strings.Contains(s.tel.Metrics(), line+"\n") })
}

// waitSpan waits until a span of that name has ended, which may be a moment after what the client saw.
func (s *server) waitSpan(name string) {
	s.t.Helper()
	s.eventually("the span "+name, func() bool {
		return slices.ContainsFunc(s.tel.Spans(), func(span tracetest.SpanStub) bool { return span.Name == name })
	})
}

// request is a handshake that is right but for what change does.
func (s *server) request(accessToken string, change func(http.Header)) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.http.URL+"/ws", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "driftsentry.v1",
	} {
		req.Header.Set(name, value)
	}
	if accessToken != "" {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	if change != nil {
		change(req.Header)
	}
	return req
}

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

// open sends a handshake and reads the answer.
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
	if _, err := c.conn.Write(p); err != nil && !errors.Is(err, net.ErrClosed) && !isReset(err) {
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

// ping asks and expects the answer: what came before it was understood, and the connection lives.
func (c *client) ping() {
	c.t.Helper()
	c.send(`{"type":"ping","id":"p"}`)
	m := c.message()
	for m.Type == "position" {
		m = c.message()
	}
	if m.Type != "pong" || m.ID == nil || *m.ID != "p" {
		c.t.Errorf("the answer to ping is %+v", m)
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
