package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gobwas/ws"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// socket follows the account's whole stream, and reconnects with its cursor whenever its connection ends. It costs little:
// one goroutine, small buffers, and it reads only the position and the time of an event. Package client's Stream needs two
// goroutines and decodes each event, for each of ten thousand sockets. It also drops duplicated and reordered events, which
// are counted here.
type socket struct {
	g      *Generator
	number int
	joined chan struct{} // closed with the first subscription

	place    place
	position atomic.Int64 // place.has, for others
	cursor   string
	after    time.Duration // the pause that the server asked for
	welcomed bool          // in this connection

	conn    net.Conn
	in      *bufio.Reader
	silence time.Duration // after which the connection counts as dead
	payload []byte        // of the last frame
}

const (
	subprotocol = "driftsentry.v1"
	subscribe   = `{"type":"subscribe","id":"1","topics":["drifts","alerts","checks"],"after":%q}`
	buffer      = 1 << 10
	maxFrame    = 1 << 20
	// missing heartbeats after which a connection is dead, as docs/api/asyncapi.yaml says.
	missing = 2
	// The pause between two attempts doubles from the first to the last.
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// run follows until ctx ends.
func (s *socket) run(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, MaxInterval: lastPause, Multiplier: 2, RandomizationFactor: 1}
	for ctx.Err() == nil {
		s.after, s.welcomed = 0, false
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		s.g.ends.add(reason(err))
		if s.welcomed {
			pauses.Reset()
		}
		timer := time.NewTimer(s.after + pauses.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// closed is the server's close code.
type closed ws.StatusCode

func (c closed) Error() string { return fmt.Sprintf("closed with %d", int(c)) }

// refused is an error frame's code.
type refused string

func (r refused) Error() string { return "refused: " + string(r) }

// reason says in a few words why a connection ended.
func reason(err error) string {
	var status ws.StatusError
	var timeout net.Error
	switch {
	case errors.As(err, new(closed)), errors.As(err, new(refused)):
		return err.Error()
	case errors.As(err, &status):
		return fmt.Sprintf("handshake failed with status %d", int(status))
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "silence"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // Without the addresses, which differ for each connection.
	}
	return "broken: " + err.Error()
}

// connect follows one connection to its end.
func (s *socket) connect(ctx context.Context) error {
	token, err := s.g.api(0).AccessToken(ctx)
	if err != nil {
		return err
	}
	dialer := ws.Dialer{
		Timeout: 30 * time.Second, ReadBufferSize: buffer, WriteBufferSize: buffer,
		Protocols: []string{subprotocol}, Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + token}},
	}
	conn, early, _, err := dialer.Dial(ctx, strings.Replace(s.g.o.Realtime[s.number%len(s.g.o.Realtime)], "http", "ws", 1)+"/ws")
	if err != nil {
		return err
	}
	s.conn, s.in, s.silence = conn, early, time.Minute
	if early == nil {
		s.in = bufio.NewReaderSize(conn, buffer)
	}
	s.place.last = 0
	// When ctx ends, reading ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() { stop(); _ = conn.Close() }()
	for {
		payload, err := s.next()
		if err != nil {
			return err
		}
		if err := s.handle(payload); err != nil {
			return err
		}
		s.position.Store(s.place.has)
	}
}

// next reads one text frame, and responds to heartbeats. The result is valid until the next call.
func (s *socket) next() ([]byte, error) {
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.silence)); err != nil {
			return nil, err
		}
		head, err := ws.ReadHeader(s.in)
		if err != nil {
			return nil, err
		}
		if head.Length > maxFrame {
			return nil, fmt.Errorf("a frame of %d bytes", head.Length)
		}
		if int64(cap(s.payload)) < head.Length {
			s.payload = make([]byte, head.Length)
		}
		s.payload = s.payload[:head.Length]
		if _, err := io.ReadFull(s.in, s.payload); err != nil {
			return nil, err
		}
		switch head.OpCode {
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(s.payload)
			return nil, closed(code)
		case ws.OpPing:
			s.send(ws.NewPongFrame(s.payload))
		default:
			return s.payload, nil
		}
	}
}

// send writes a frame. If that fails, the server's last frame, with the reason, can still be read.
func (s *socket) send(f ws.Frame) { _ = ws.WriteFrame(s.conn, ws.MaskFrameInPlace(f)) }

func (s *socket) handle(payload []byte) error {
	if position, cursor, at, ok := parseEvent(payload); ok {
		s.g.delivery.add(s.number, time.Since(at))
		s.place.event(position, &s.g.deliveries)
		s.cursor = string(cursor)
		return nil
	}
	var f struct {
		Type        string
		Cursor      string
		HeartbeatMS int
		AfterMS     int
		Code        string
	}
	if err := json.Unmarshal(payload, &f); err != nil {
		return fmt.Errorf("frame %q: %w", payload, err)
	}
	switch f.Type {
	case "welcome":
		s.welcomed = true
		s.silence = missing * time.Duration(f.HeartbeatMS) * time.Millisecond
		if s.cursor == "" {
			at, err := event.ParseCursor(f.Cursor)
			if err != nil {
				return err
			}
			s.cursor, s.place.has = f.Cursor, at.Position
		}
		s.send(ws.NewTextFrame(fmt.Appendf(nil, subscribe, s.cursor)))
	case "ack":
		select {
		case <-s.joined:
		default:
			close(s.joined)
		}
	case "position", "resync":
		at, err := event.ParseCursor(f.Cursor)
		if err != nil {
			return err
		}
		if f.Type == "resync" {
			s.g.resyncs.Add(1)
		}
		s.place.reach(at.Position, &s.g.deliveries)
		s.cursor = f.Cursor
	case "reconnect":
		s.after = max(time.Duration(f.AfterMS)*time.Millisecond, time.Millisecond)
	case "error":
		return refused(f.Code)
	}
	return nil
}

// counts are numbers by name.
type counts struct {
	mu sync.Mutex
	m  map[string]int
}

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]int{}
	}
	c.m[what]++
}
