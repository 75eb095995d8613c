package ws

import (
	"context"
	"errors"
	"log/slog"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// conn is one client's connection. Its goroutine reads; the hub writes.
type conn struct {
	*socket
	server    *Server
	sub       *hub.Subscriber
	id        uuid.UUID
	account   uuid.UUID
	place     place
	opened    time.Time
	handshake trace.SpanContext

	// Guarded by the registry's lock.
	session uuid.UUID
	role    string // of the user, as it was when the connection opened

	// In nanoseconds since 1970.
	due     atomic.Int64 // when the ticker has to look
	heard   atomic.Int64 // when something came from the client
	expires atomic.Int64

	acknowledged uint64 // when the ticker last looked; its own

	end atomic.Pointer[closing] // nil while it is open; the first one counts

	answered atomic.Bool // the client has sent its close frame
	finished atomic.Bool // we have sent ours, or can't

	// Of the reading goroutine.
	assembler assembler
	limiter   *rate.Limiter
	invalid   int
	garbled   bool // what comes can't be read any more
}

// serve takes the data that came with the handshake, and reads until the connection has ended.
func (c *conn) serve(early []byte) {
	// The labels of profiles that the handshake has left: its route and span.
	pprof.SetGoroutineLabels(context.Background())
	c.received(early)
	go c.wait()
}

// wait reads the next data from the client. Then a new goroutine waits, since this one has a large stack after reading,
// and the next data may be far away: for ten thousand idle connections, this is most of the memory.
func (c *conn) wait() {
	if err := c.read(c.received); err != nil {
		c.bury(c.context())
		return
	}
	go c.wait()
}

// context has the handshake's trace and nothing else of its request.
func (c *conn) context() context.Context {
	return trace.ContextWithSpanContext(context.Background(), c.handshake)
}

// received takes received bytes. A protocol error ends the connection with a close frame; after that all data is
// discarded until the connection is closed.
func (c *conn) received(p []byte) {
	if len(p) == 0 || c.garbled {
		return
	}
	c.heard.Store(monotonic(c.server.config.Now()))
	var err error
	func() {
		defer telemetry.RecoverTo(&err)
		err = c.assembler.feed(p, c)
	}()
	if err == nil {
		return
	}
	c.garbled = true
	end, ok := errors.AsType[closing](err)
	if !ok {
		c.server.tel.Report(c.context(), err)
		end = endInternal
	}
	c.shut(end)
}

func (c *conn) closing() bool { return c.end.Load() != nil }

// frame implements receiver.
func (c *conn) frame() error {
	if !c.closing() && !c.limiter.AllowN(c.server.config.Now(), 1) {
		return endTooMany
	}
	return nil
}

// control implements receiver.
func (c *conn) control(op ws.OpCode, payload []byte) error {
	ctx := c.context()
	switch {
	case c.closing() && op != ws.OpClose:
	case op == ws.OpPing:
		c.server.instruments.received(ctx, "ws_ping")
		return c.reply(ctx, "ws_pong", ws.MustCompileFrame(ws.NewPongFrame(payload)))
	case op == ws.OpPong:
		c.server.instruments.received(ctx, "ws_pong")
	default:
		return c.closedByClient(payload)
	}
	return nil
}

// closedByClient replies to a close frame, or accepts it as the reply to the server's.
func (c *conn) closedByClient(payload []byte) error {
	end, answer, err := readClose(payload)
	if err != nil {
		return err
	}
	c.garbled = true // No frame may follow.
	c.answered.Store(true)
	c.shutWith(end, answer)
	if c.finished.Load() {
		c.cut(end)
	}
	return nil
}

// text implements receiver.
func (c *conn) text(message []byte) error {
	if c.closing() {
		return nil
	}
	return c.handle(message)
}

// reply sends a frame to the client.
func (c *conn) reply(ctx context.Context, kind string, frame []byte) error {
	c.server.instruments.sent(ctx, kind)
	return c.delivered(c.sub.Send(frame))
}

// delivered closes a client that sends requests and doesn't read the responses.
func (c *conn) delivered(err error) error {
	if errors.Is(err, hub.ErrOverflow) {
		return endTooSlow
	}
	return err
}

// shut ends the connection: the frame in progress, then the close frame.
func (c *conn) shut(end closing) { c.shutWith(end, end.frame()) }

func (c *conn) shutWith(end closing, frame []byte) {
	if c.decide(end) {
		c.sub.Close(frame)
	}
}

// decide records why the connection ends. The first reason counts.
func (c *conn) decide(end closing) bool {
	first := c.end.CompareAndSwap(nil, &end)
	if first {
		c.server.instruments.closed(c.context(), end.code)
	}
	return first
}

// cut ends the connection immediately.
func (c *conn) cut(end closing) {
	c.decide(end)
	_ = c.conn.Close() // This wakes the reader.
}

// TooSlow implements hub.Conn.
func (c *conn) TooSlow() { c.shut(endTooSlow) }

// Finish implements hub.Conn. After our close frame the client gets time to read up to it, and to reply.
func (c *conn) Finish(err error) {
	c.finished.Store(true)
	if err != nil || c.answered.Load() {
		c.cut(endBroken)
		return
	}
	closeWrite(c.conn)
	if c.conn.SetReadDeadline(time.Now().Add(c.server.config.Linger)) != nil {
		c.cut(endBroken)
	}
}

// bury frees the connection's resources.
func (c *conn) bury(ctx context.Context) {
	c.cut(endBroken)
	c.sub.Leave()
	c.server.registry.remove(c)
	c.server.registry.give(c.place)
	end := c.end.Load()
	c.server.tel.Logger().LogAttrs(ctx, slog.LevelInfo, "socket closed", append(c.logAttrs(),
		slog.Int("code", int(end.code)), slog.String("reason", end.reason),
		slog.Float64("duration_ms", float64(c.server.config.Now().Sub(c.opened).Microseconds())/1000))...)
}

func (c *conn) logAttrs() []slog.Attr {
	return append(make([]slog.Attr, 0, 8),
		slog.String("connectionId", c.id.String()), slog.String("userId", c.place.user.String()), slog.String("accountId", c.account.String()))
}

// renew gives the connection the time of a fresh token. It ends if the user has another role by now.
func (c *conn) renew(claims token.Claims, role string) error {
	r := c.server.registry
	r.mu.Lock()
	same := c.role == role
	c.session = claims.SessionID
	r.mu.Unlock()
	if !same {
		return endRole
	}
	expires := deadline(c.server.config.Now(), claims.Until())
	c.expires.Store(expires)
	c.due.Store(min(c.due.Load(), expires))
	return nil
}
