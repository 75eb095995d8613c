package ws

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
)

// schedule sets when the ticker must check the connection next.
func (c *conn) schedule(now time.Time, in time.Duration) {
	c.due.Store(min(monotonic(now.Add(in)), c.expires.Load()))
}

// firstBeat spreads the connections over the interval, even if they came together.
func firstBeat(heartbeat time.Duration) time.Duration {
	return heartbeat/2 + rand.N(heartbeat/2+1) //nolint:gosec // Jitter.
}

// beat serves the connections that are due. Checking all of them each second costs less than a timer for each.
func (s *Server) beat() {
	now := s.config.Now()
	due := s.registry.pick(func(c *conn) bool { return c.due.Load() <= monotonic(now) })
	for _, c := range due {
		c.beat(now)
	}
}

func (c *conn) beat(now time.Time) {
	heartbeat := c.server.config.Heartbeat
	silence := time.Duration(monotonic(now) - c.heard.Load())
	switch {
	case c.expires.Load() <= monotonic(now):
		c.due.Store(monotonic(now.Add(heartbeat)))
		c.shut(endExpired)
	case silence > heartbeat && !c.busy(now) && silence > 2*heartbeat:
		c.cut(endSilent)
	default:
		c.schedule(now, heartbeat)
		c.sub.Beat(ws.CompiledPing)
		c.server.instruments.sent(context.Background(), "ws_ping")
	}
}

// busy reports whether the client is reading data that was written before the heartbeats that it must reply to. It is
// slow then, and not silent.
func (c *conn) busy(now time.Time) bool {
	acknowledged, waiting := c.progress()
	reading := acknowledged != c.acknowledged && (waiting > 0 || c.sub.Behind())
	c.acknowledged = acknowledged
	if reading {
		c.heard.Store(monotonic(now)) // From here on it has time to reply.
	}
	return reading
}

// checkSessions ends the connections whose session was revoked, whose user was deactivated, or whose user has another role.
func (s *Server) checkSessions(ctx context.Context) {
	known := map[uuid.UUID]string{}
	s.registry.pick(func(c *conn) bool {
		if role, there := known[c.session]; there && role != c.role {
			known[c.session] = "" // It changed between the two, so ask which it is.
		} else {
			known[c.session] = c.role
		}
		return false
	})
	if len(known) == 0 {
		return
	}
	changed, err := s.sessions.Changed(ctx, known)
	if err != nil {
		if ctx.Err() == nil {
			s.tel.Logger().LogAttrs(ctx, slog.LevelWarn, "sessions could not be checked", slog.String("error.message", err.Error()))
		}
		return
	}
	if len(changed) == 0 {
		return
	}
	ends := map[*conn]closing{}
	s.registry.pick(func(c *conn) bool {
		switch role, found := changed[c.session]; {
		case !found || role == c.role:
		case role == "":
			ends[c] = endRevoked
		default:
			ends[c] = endRole
		}
		return false
	})
	for c, end := range ends {
		c.shut(end)
	}
}
