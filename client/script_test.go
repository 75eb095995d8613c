package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/client"
)

// service is both services as far as a stream sees them. Each connection is played by the next of its scripts.
type service struct {
	t         *testing.T
	handler   http.Handler
	scripts   []func(*socket)
	played    atomic.Int32
	tokens    atomic.Int32 // issued
	expiresIn atomic.Int32 // seconds
	closed    atomic.Bool  // signing in and refreshing are refused
}

// socket is the server's end of one connection.
type socket struct {
	*service
	conn  *websocket.Conn
	ctx   context.Context
	token string
}

// sent is what a client sends.
type sent struct {
	Type, ID, After, Token string
	Topics                 []string
}

func newService(t *testing.T, scripts ...func(*socket)) *service {
	t.Helper()
	s := &service{t: t, scripts: scripts}
	s.expiresIn.Store(900)
	mux := http.NewServeMux()
	tokens := func(w http.ResponseWriter, _ *http.Request) {
		if s.closed.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"success":false,"error":{"code":"AUTH_ERROR","message":"the user is deactivated","traceId":"4bf9"}}`)
			return
		}
		n := s.tokens.Add(1)
		fmt.Fprintf(w, `{"success":true,"data":{"accessToken":"a%d","refreshToken":"r%d","expiresIn":%d}}`, n, n, s.expiresIn.Swap(900))
	}
	mux.HandleFunc("POST /api/v1/auth/login", tokens)
	mux.HandleFunc("POST /api/v1/auth/refresh", tokens)
	mux.HandleFunc("GET /ws", s.play)
	s.handler = mux
	return s
}

// pipes is a network in memory, on which time can be the test's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p <- far
	return near, nil
}

// piped is a client whose connections to the service are in memory.
func (s *service) piped() *client.Client {
	s.t.Helper()
	network := make(pipes)
	server := &http.Server{Handler: s.handler}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(network) }()
	through := &http.Transport{DialContext: network.dial}
	s.t.Cleanup(func() {
		through.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return s.make("http://ds.example", client.WithHTTPClient(&http.Client{Transport: through}))
}

func (s *service) play(w http.ResponseWriter, r *http.Request) {
	n := int(s.played.Add(1))
	if n > len(s.scripts) {
		s.t.Errorf("connection %d was not expected", n)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"driftsentry.v1"}})
	if err != nil {
		s.t.Error(err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	if conn.Subprotocol() != "driftsentry.v1" {
		s.t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	s.scripts[n-1](&socket{s, conn, r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")})
}

// listen serves on a real socket.
func (s *service) listen() (url string) {
	server := httptest.NewServer(s.handler)
	s.t.Cleanup(server.Close)
	return server.URL
}

// client returns a Client with a real socket.
func (s *service) client(options ...client.Option) *client.Client {
	s.t.Helper()
	return s.make(s.listen(), options...)
}

func (s *service) make(url string, options ...client.Option) *client.Client {
	s.t.Helper()
	c, err := client.New(url, append([]client.Option{ada, client.WithRetry(client.Retry{First: time.Millisecond, Last: time.Millisecond})}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *socket) send(frame string, args ...any) {
	// A disconnected client is not a mistake of the test.
	_ = s.conn.Write(s.ctx, websocket.MessageText, fmt.Appendf(nil, frame, args...))
}

func (s *socket) read() (m sent) {
	_, text, err := s.conn.Read(s.ctx)
	if err != nil {
		s.t.Errorf("read: %v", err)
		return m
	}
	if err := json.Unmarshal(text, &m); err != nil {
		s.t.Errorf("read %s: %v", text, err)
	}
	return m
}

// welcome performs the handshake and returns the subscription.
func (s *socket) welcome() sent {
	s.send(`{"type":"welcome","connectionId":"c%d","cursor":"e:10","heartbeatMs":25000,"new":1}`, s.played.Load())
	return s.subscribed()
}

func (s *socket) subscribed() sent {
	m := s.read()
	s.send(`{"type":"ack","id":%q,"topics":["drifts"]}`, m.ID)
	return m
}

// resumed is welcome for a client that must come back with this cursor.
func (s *socket) resumed(after string) {
	if m := s.welcome(); m.After != after {
		s.t.Errorf("connection %d came with the cursor %q, want %q", s.played.Load(), m.After, after)
	}
}

func (s *socket) event(position int) {
	s.send(`{"type":"event","topics":["drifts"],"position":%d,"cursor":"e:%d","event":{"id":"i%d","type":"drift.approved","data":{"id":"d1","version":2}}}`, position, position, position)
}

func (s *socket) close(code websocket.StatusCode) { _ = s.conn.Close(code, "because") }

// untilClosed waits for the client's end.
func (s *socket) untilClosed() { _, _, _ = s.conn.Read(s.ctx) }

// follow follows a stream until it has seen so many events, and returns their positions.
func follow(t *testing.T, stream *client.Stream, events int) (positions []int64, err error) {
	t.Helper()
	for e, err := range stream.Events(t.Context()) {
		if err != nil {
			return positions, err
		}
		if positions = append(positions, e.Position); len(positions) == events {
			break
		}
	}
	return positions, nil
}
