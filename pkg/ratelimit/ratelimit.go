// Package ratelimit bounds how often something may happen to each of many keys, such as users and addresses.
package ratelimit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Network is the part of an address that belongs to one subscriber: an IPv4 address, or the /64 network of an IPv6
// address. For an address that isn't known it is the zero network.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	network, _ := address.Prefix(bits) // The zero address has no prefix.
	return network
}

// maxBuckets bounds the memory that unknown callers can use: about 20 MiB in total.
const maxBuckets = 50_000

// Buckets is a token bucket for each key.
type Buckets struct {
	size  int
	limit rate.Limit

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

// New makes buckets of so many tokens, each filled again within the window.
func New(size int, window time.Duration) *Buckets {
	return &Buckets{size: size, limit: rate.Limit(float64(size) / window.Seconds()), all: make(map[string]*rate.Limiter)}
}

// Take takes from the key's bucket; when that is empty, it says how long to wait.
func (b *Buckets) Take(key string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	bucket := b.all[key]
	if bucket == nil {
		if len(b.all) >= maxBuckets {
			b.makeRoom(now)
		}
		bucket = rate.NewLimiter(b.limit, b.size)
		b.all[key] = bucket
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// makeRoom forgets the buckets that are full, since a new one is the same. If most are in use, it forgets them all:
// limiting no one for a moment is better than refusing everyone.
func (b *Buckets) makeRoom(now time.Time) {
	for key, bucket := range b.all {
		if bucket.TokensAt(now) >= float64(b.size) {
			delete(b.all, key)
		}
	}
	if len(b.all) >= maxBuckets*3/4 {
		clear(b.all)
	}
}

// Reset fills the key's bucket.
func (b *Buckets) Reset(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, key)
}
