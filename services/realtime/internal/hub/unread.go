package hub

import (
	"sync"
	"time"
)

// unread is how long the oldest event that was announced has not been read. Only one position is followed at a time: once it is
// read, the position that is wanted then. So a stream that is always a little behind shows how little, and one whose reading
// stands still shows for how long.
type unread struct {
	mu       sync.Mutex
	position int64 // that was wanted at since; 0 if everything was read
	since    time.Time
}

// look begins or ends to follow a position, after the stream's head or what is wanted of it has changed.
func (s *Stream) look() {
	u := &s.unread
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case s.lag() == 0:
		u.position = 0
	case u.position == 0 || s.Head() >= u.position:
		u.position, u.since = s.wanted.Load(), time.Now()
	}
}

// age is 0 if everything that was announced has been read.
func (s *Stream) age() time.Duration {
	u := &s.unread
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.position == 0 || s.lag() == 0 {
		return 0
	}
	return time.Since(u.since)
}
