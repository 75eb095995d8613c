package ws

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Clients of a replica that stops reconnect to the others, this many a second.
const (
	comebackRate = 1000
	minComeback  = time.Second
	maxComeback  = 30 * time.Second
)

// goodbye asks the client to reconnect within spread, and closes.
func (c *conn) goodbye(spread time.Duration) {
	// A client whose queue is full is closed anyway.
	_ = c.reply(c.context(), "reconnect", reconnectFrame(rand.N(spread))) //nolint:gosec // Jitter.
	c.shut(endRestart)
}

// Stop says goodbye to every client and waits until all have closed. When ctx ends, the others are cut off.
func (s *Server) Stop(ctx context.Context) error {
	s.registry.close()
	all := s.registry.pick(func(*conn) bool { return true })
	spread := min(max(time.Duration(len(all))*time.Second/comebackRate, minComeback), maxComeback)
	for _, c := range all {
		c.goodbye(spread)
	}
	select {
	case <-s.registry.empty:
		return nil
	case <-ctx.Done():
	}
	rest := s.registry.pick(func(*conn) bool { return true })
	for _, c := range rest {
		c.cut(endRestart)
	}
	return fmt.Errorf("%d sockets were cut off: %w", len(rest), ctx.Err())
}
