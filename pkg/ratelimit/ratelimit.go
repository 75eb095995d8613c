// Package ratelimit bounds how often something may happen to each of many keys, such as users and addresses.
package ratelimit

import (
	"crypto/sha256"
	"net/netip"
	"slices"
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

// Site is the part of an address that belongs to one site: an IPv4 address, or the /48 network of an IPv6 address, which has
// 65,536 networks of subscribers.
func Site(address netip.Addr) netip.Prefix {
	if network := Network(address); network.Addr().Is6() {
		site, _ := network.Addr().Prefix(48) // An IPv6 address has one.
		return site
	}
	return Network(address)
}

// maxBuckets bounds the memory that unknown callers can use: about 2.5 MiB.
const maxBuckets = 20_000

// Buckets is a token bucket for each key.
type Buckets struct {
	size   int
	limit  rate.Limit
	window time.Duration

	mu  sync.Mutex
	all map[key]*rate.Limiter
	// When the buckets that are full were last forgotten.
	swept time.Time
}

// key is the hash of what a caller names: a stranger chooses neither its size, nor two that are the same.
type key [16]byte

// New makes buckets with this number of tokens, which are full again after the window.
func New(size int, window time.Duration) *Buckets {
	return &Buckets{size: size, limit: rate.Limit(float64(size) / window.Seconds()), window: window, all: make(map[key]*rate.Limiter)}
}

// Take takes from the bucket of this name; when that is empty, it says how long to wait.
func (b *Buckets) Take(name string) time.Duration {
	k := keyOf(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.sweep(now)
	bucket := b.all[k]
	if bucket == nil {
		bucket = rate.NewLimiter(b.limit, b.size)
		b.all[k] = bucket
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// sweep forgets the buckets that are full, since a new one is the same: once in a window, and when there are too many. If most
// are in use, it also forgets the half from which least was taken. So a caller with many addresses must empty a bucket of each
// before one that is empty is forgotten.
func (b *Buckets) sweep(now time.Time) {
	full := len(b.all) >= maxBuckets
	if !full && now.Sub(b.swept) < b.window {
		return
	}
	b.swept = now
	kept := make(map[key]*rate.Limiter) // A map that was large keeps its memory.
	left := make([]float64, 0, len(b.all))
	for k, bucket := range b.all {
		if tokens := bucket.TokensAt(now); tokens < float64(b.size) {
			kept[k] = bucket
			left = append(left, tokens)
		}
	}
	if len(kept) >= maxBuckets*3/4 {
		slices.Sort(left)
		most, excess := left[len(left)/2], len(kept)-len(kept)/2
		for k, bucket := range kept {
			if excess > 0 && bucket.TokensAt(now) >= most {
				delete(kept, k)
				excess--
			}
		}
	}
	b.all = kept
}

// Reset fills the bucket of this name.
func (b *Buckets) Reset(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, keyOf(name))
}

func keyOf(name string) key {
	sum := sha256.Sum256([]byte(name))
	return key(sum[:len(key{})])
}
