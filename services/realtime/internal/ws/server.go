package ws

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// Verifier checks access tokens without I/O.
type Verifier interface {
	Verify(accessToken string) (token.Claims, error)
}

// Sessions knows which sessions are valid.
type Sessions interface {
	// Role is the role of the user of these claims, and why their session is not valid; the reason is empty when it is.
	Role(ctx context.Context, c token.Claims) (role string, over apierror.Reason, err error)
	// Changed gives those of the sessions whose user has another role than the one that is known, with it. It is empty for a session
	// that is no longer valid.
	Changed(ctx context.Context, known map[uuid.UUID]string) (map[uuid.UUID]string, error)
}

// Hub delivers the events to connections.
type Hub interface {
	Join(ctx context.Context, account uuid.UUID, conn hub.Conn) (*hub.Subscriber, event.Cursor, error)
}

// Telemetry receives the server's reports.
type Telemetry interface {
	Tracer() trace.Tracer
	Meter() metric.Meter
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Config configures the server. Zero durations get defaults.
type Config struct {
	// Origins are the pages that may open sockets; * is all. Programs send no Origin, and may.
	Origins []string
	Limits  Limits
	// Heartbeat is how often a connection is pinged; one that stays silent for two of them is closed.
	Heartbeat time.Duration
	// MessageRate is how many frames a second a client may send permanently; zero is no limit.
	MessageRate  rate.Limit
	MessageBurst int
	// RequestTimeout bounds the handling of one message.
	RequestTimeout time.Duration

	Timing
}

// Timing has the values that only tests change.
type Timing struct {
	Tick         time.Duration // how often timers are checked
	SessionCheck time.Duration // how often sessions are looked up: a revoked one ends within twice that
	Linger       time.Duration // how long a client may take to reply to a close frame
	Now          func() time.Time
}

func (c Config) withDefaults() Config {
	c.Heartbeat = cmp.Or(c.Heartbeat, 30*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 30*time.Second)
	c.Tick = cmp.Or(c.Tick, time.Second)
	c.SessionCheck = cmp.Or(c.SessionCheck, 5*time.Second)
	c.Linger = cmp.Or(c.Linger, 5*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MessageRate == 0 {
		c.MessageRate = rate.Inf
	}
	return c
}

// Server is the sockets of this replica.
type Server struct {
	config      Config
	tokens      Verifier
	sessions    Sessions
	hub         Hub
	tel         Telemetry
	instruments instruments
	registry    *registry

	handshakes *ratelimit.Places // of each network; nil without a limit
	pending    pending
}

// New makes a server without connections.
func New(config Config, tokens Verifier, sessions Sessions, h Hub, tel Telemetry) (*Server, error) {
	s := &Server{
		config: config.withDefaults(), tokens: tokens, sessions: sessions, hub: h, tel: tel,
		registry: newRegistry(config.Limits), handshakes: newHandshakes(config.Limits),
	}
	var err error
	if s.instruments, err = newInstruments(tel.Meter(), s); err != nil {
		return nil, err
	}
	return s, nil
}

// Connections is how many sockets are open.
func (s *Server) Connections() int { return s.registry.count() }

// Run keeps time for all connections until ctx ends: heartbeats, expiry, and sessions that were revoked.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(s.config.Tick)
	defer tick.Stop()
	check := time.NewTicker(s.config.SessionCheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.beat()
		case <-check.C:
			s.checkSessions(ctx)
		}
	}
}
