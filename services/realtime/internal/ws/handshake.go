package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// tokenSubprotocol carries the token of a browser, which can't set headers.
const tokenSubprotocol = "bearer."

// Handshake handles GET /ws. It returns when the connection is open, so that the request's span, its access line and
// its metrics are those of the handshake, with its own status, 101. The connection does not use the request after that.
func (s *Server) Handshake(w http.ResponseWriter, r *http.Request) error {
	err := s.handshake(w, r)
	if err != nil {
		s.instruments.handshake(r.Context(), outcomeOf(err))
		if l, ok := errors.AsType[limit](err); ok {
			s.instruments.limited(l)
		}
	}
	return err
}

func (s *Server) handshake(w http.ResponseWriter, r *http.Request) error {
	from := clientAddress(r)
	p := place{network: ratelimit.Network(from)}
	if err := s.attempt(from); err != nil {
		return err
	}
	key, err := checkUpgrade(w, r)
	if err != nil {
		return err
	}
	if !s.originAllowed(r) {
		return apierror.New(apierror.Forbidden, "this origin is not allowed")
	}
	sent := accessToken(r)
	if sent == "" {
		return apierror.Refuse(apierror.Missing, "an access token is required")
	}
	claims, err := s.tokens.Verify(sent)
	expired := errors.Is(err, token.ErrExpired)
	if err != nil && !expired {
		return apierror.Wrap(apierror.Unauthenticated, err, "an access token is required")
	}
	telemetry.SetUser(r.Context(), claims.UserID.String(), claims.AccountID.String(), "")
	trace.SpanFromContext(r.Context()).SetAttributes(attrAccount.String(claims.AccountID.String()))

	p.user = claims.UserID
	if err := s.registry.take(p); err != nil {
		return err
	}
	if err := s.admit(w, r, key, claims, expired, p); err != nil {
		s.registry.give(p)
		return err
	}
	return nil
}

// admit opens the connection of a known caller. The place becomes the connection's unless there is an error.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, key string, claims token.Claims, expired bool, p place) error {
	if expired {
		return s.refuse(w, r, key, p, endExpired, outcomeExpired)
	}
	role, over, err := s.sessions.Role(r.Context(), claims)
	if err != nil {
		return fmt.Errorf("look the session up: %w", err)
	}
	if over != "" {
		return s.refuse(w, r, key, p, endRevoked, outcomeRevoked)
	}
	c := s.newConn(r.Context(), claims, role, p)
	var head event.Cursor
	if c.sub, head, err = s.hub.Join(r.Context(), claims.AccountID, c); err != nil {
		return err
	}
	trace.SpanFromContext(r.Context()).SetAttributes(attrConnection.String(c.id.String()))
	tcp, early, err := upgrade(w, key)
	if err == nil {
		c.socket, err = newSocket(tcp)
	}
	if err != nil {
		c.sub.Leave()
		if tcp != nil {
			_ = tcp.Close()
		}
		return s.afterSwitch(r.Context(), err)
	}
	s.instruments.handshake(r.Context(), outcomeAccepted)
	s.instruments.sent(r.Context(), "welcome")
	_ = c.sub.Send(welcomeFrame(c.id, head, s.config.Heartbeat)) // The queue is empty at the first response.
	if !s.registry.add(c) {
		c.goodbye(minComeback)
	}
	go c.serve(early) //nolint:gosec // It outlives the request.
	return nil
}

// afterSwitch is for errors after the response has begun: the client can no longer get an error response.
func (s *Server) afterSwitch(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return apierror.Wrap(apierror.Canceled, err, "the client left")
	}
	return fmt.Errorf("take over the connection: %w", err)
}

// refuse opens a connection only to close it with a code: a browser can't read a refused handshake.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, key string, p place, end closing, outcome string) error {
	tcp, _, err := upgrade(w, key)
	if err != nil {
		return s.afterSwitch(r.Context(), err)
	}
	telemetry.SetError(r.Context(), apierror.Unauthenticated.Code(), end, false)
	s.instruments.handshake(r.Context(), outcome)
	s.instruments.closed(r.Context(), end.code)
	go func() {
		defer s.registry.give(p)
		defer tcp.Close()
		if tcp.SetDeadline(time.Now().Add(s.config.Linger)) != nil {
			return
		}
		if _, err := tcp.Write(end.frame()); err != nil {
			return
		}
		// Until the client has read it: closing with unread data would discard what is on its way.
		closeWrite(tcp)
		_, _ = io.Copy(io.Discard, tcp)
	}()
	return nil
}

func closeWrite(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // It fails when the client has disconnected, which reading detects.
	}
}

// Trusted reports, without I/O, whether the caller's access token is signed by us and has not expired.
func (s *Server) Trusted(r *http.Request) bool {
	_, err := s.tokens.Verify(accessToken(r))
	return err == nil
}

// accessToken finds the token where a program sends it, or where a browser can.
func accessToken(r *http.Request) string {
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return value
	}
	for _, p := range list(r.Header, headerProtocol) {
		if value, ok := strings.CutPrefix(p, tokenSubprotocol); ok {
			return value
		}
	}
	return ""
}

func (s *Server) originAllowed(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true // Not a browser, so the header proves nothing: a token is required anyway.
	}
	if len(origins) > 1 {
		return false
	}
	// A page of the host that it asks, such as the console behind the edge.
	if scheme, host, ok := strings.Cut(origins[0], "://"); ok && (scheme == "https" || scheme == "http") && strings.EqualFold(host, r.Host) {
		return true
	}
	return slices.ContainsFunc(s.config.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origins[0]) })
}

// clientAddress is that of the middleware that knows the trusted proxies, else the peer's.
func clientAddress(r *http.Request) netip.Addr {
	if address := middleware.GetClientIPAddr(r.Context()); address.IsValid() {
		return address
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // The zero address is treated like any other.
	return peer.Addr().Unmap()
}

// newConn makes the connection's own state. It keeps the trace of the request's context for links.
func (s *Server) newConn(ctx context.Context, claims token.Claims, role string, p place) *conn {
	now := s.config.Now()
	c := &conn{
		server: s, id: uid.New(), account: claims.AccountID, place: p, opened: now,
		session: claims.SessionID, role: role, handshake: trace.SpanContextFromContext(ctx),
		limiter: rate.NewLimiter(s.config.MessageRate, s.config.MessageBurst),
	}
	c.expires.Store(deadline(now, claims.Until()))
	c.heard.Store(monotonic(now))
	c.schedule(now, firstBeat(s.config.Heartbeat))
	return c
}

var _ hub.Conn = (*conn)(nil)
