package ws_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// patience bounds every wait; only a failing test gets near it.
const patience = time.Minute

const secret = "0123456789abcdef0123456789abcdef"

// stream is an event store with one stream, the same for every account.
type stream struct{ window event.Window }

func (s stream) Window(context.Context, uuid.UUID, int64) (event.Window, error) { return s.window, nil }
func (s stream) Events(context.Context, uuid.UUID, int64, int) ([]event.Event, error) {
	return nil, nil
}

// sessions is who is signed in.
type sessions struct {
	mu    sync.Mutex
	ended []uuid.UUID

	demoted []uuid.UUID
	fail    error
	asked   int // about a session that opens a socket
}

func (s *sessions) Role(_ context.Context, c token.Claims) (string, apierror.Reason, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	role := s.role(c.SessionID)
	if role == "" {
		return "", apierror.Revoked, s.fail
	}
	return role, "", s.fail
}

func (s *sessions) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *sessions) Changed(_ context.Context, known map[uuid.UUID]string) (map[uuid.UUID]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := map[uuid.UUID]string{}
	for id, role := range known {
		if now := s.role(id); now != role {
			changed[id] = now
		}
	}
	return changed, s.fail
}

// role is that of a session's user, empty when the session has ended.
func (s *sessions) role(id uuid.UUID) string {
	switch {
	case slices.Contains(s.ended, id):
		return ""
	case slices.Contains(s.demoted, id):
		return "viewer"
	}
	return "admin"
}

func (s *sessions) demote(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demoted = append(s.demoted, id)
}

func (s *sessions) setFailure(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

var errUnavailable = apierror.New(apierror.Unavailable, "the database is not available")

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

// eventually polls a condition that has no event of its own, until it holds.
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

// request is a valid handshake, apart from what change does.
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
