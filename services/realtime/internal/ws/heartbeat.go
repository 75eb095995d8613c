package ws

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
)

// schedule sets when the ticker must check the connection next.
func (c *conn) schedule(now time.Time, in time.Duration) {
	c.due.Store(min(now.Add(in).UnixNano(), c.expires.Load()))
}

// firstBeat spreads the connections over the interval, even if they came together.
func firstBeat(heartbeat time.Duration) time.Duration {
	return heartbeat/2 + rand.N(heartbeat/2+1) //nolint:gosec // Jitter.
}

// beat serves the connections that are due. Checking all of them each second costs less than a timer for each.
func (s *Server) beat() {
	now := s.config.Now()
	due := s.registry.pick(func(c *conn) bool { return c.due.Load() <= now.UnixNano() })
	for _, c := range due {
		c.beat(now)
	}
}

func (c *conn) beat(now time.Time) {
	heartbeat := c.server.config.Heartbeat
	silence := time.Duration(now.UnixNano() - c.heard.Load())
	switch {
	case c.expires.Load() <= now.UnixNano():
		c.due.Store(now.Add(heartbeat).UnixNano())
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
		c.heard.Store(now.UnixNano()) // From here on it has time to reply.
	}
	return reading
}

// checkSessions ends the connections whose session was revoked, or whose user was deactivated.
func (s *Server) checkSessions(ctx context.Context) {
	var ids []uuid.UUID
	s.registry.pick(func(c *conn) bool {
		ids = append(ids, c.session)
		return false
	})
	if len(ids) == 0 {
		return
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	ended, err := s.sessions.Ended(ctx, ids)
	if err != nil {
		if ctx.Err() == nil {
			s.tel.Logger().LogAttrs(ctx, slog.LevelWarn, "sessions could not be checked", slog.String("error.message", err.Error()))
		}
		return
	}
	if len(ended) == 0 {
		return
	}
	for _, c := range s.registry.pick(func(c *conn) bool { return slices.Contains(ended, c.session) }) {
		c.shut(endRevoked)
	}
}
