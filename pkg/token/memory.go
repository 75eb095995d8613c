package token

import (
	"crypto/sha256"
	"sync"
)

// remembered bounds the memory: 10,000 tokens take about 1.5 MiB.
const remembered = 10_000

// memory is what tokens say that were verified, by their hashes, so that no token is kept. To read a JWT takes ten times as
// long as to hash it, and each is sent with many requests. What its signature says never changes; whether its time or its
// session is over is asked each time.
type memory struct {
	mu     sync.RWMutex
	claims map[[sha256.Size]byte]Claims
}

func (m *memory) get(hash [sha256.Size]byte) (Claims, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, ok := m.claims[hash]
	return c, ok
}

func (m *memory) put(hash [sha256.Size]byte, c Claims) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.claims == nil || len(m.claims) >= remembered {
		m.claims = make(map[[sha256.Size]byte]Claims) // Those in use are back with their next request.
	}
	m.claims[hash] = c
}
