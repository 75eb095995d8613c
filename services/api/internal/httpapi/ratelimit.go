package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"golang.org/x/time/rate"

	"github.com/driftsentry/driftsentry/pkg/fault"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Limits are how often what may happen, on each replica. Each is a bucket of so many, filled again within the window.
type Limits struct {
	Enabled bool `env:"RATE_LIMIT_ENABLED" envDefault:"true"`
	// Requests a minute, of a principal, and of an address that has not signed in.
	Requests int `env:"RATE_LIMIT_REQUESTS" envDefault:"1200"`
	// LoginWindow is the window of attempts to prove a password.
	LoginWindow     time.Duration `env:"RATE_LIMIT_LOGIN_WINDOW"      envDefault:"15m"`
	LoginPerAddress int           `env:"RATE_LIMIT_LOGIN_PER_ADDRESS" envDefault:"100"`
	// LoginPerEmail starts anew after a success.
	LoginPerEmail int `env:"RATE_LIMIT_LOGIN_PER_EMAIL" envDefault:"10"`
}

// limits counts. A nil *limits lets everything pass.
type limits struct {
	requests, loginsByAddress, loginsByEmail *buckets
}

func newLimits(l Limits) *limits {
	if !l.Enabled {
		return nil
	}
	return &limits{
		requests:        newBuckets(l.Requests, time.Minute),
		loginsByAddress: newBuckets(l.LoginPerAddress, l.LoginWindow),
		loginsByEmail:   newBuckets(l.LoginPerEmail, l.LoginWindow),
	}
}

func (l *limits) principal(p identity.Principal) error {
	if l == nil {
		return nil
	}
	return tooMany(l.requests.take(p.ID().String()), "too many requests")
}

func (l *limits) stranger(r *http.Request) error {
	if l == nil {
		return nil
	}
	return tooMany(l.requests.take(network(r)), "too many requests from this address")
}

// login counts an attempt to prove the password of an email's user, or a setup token, which has no email.
func (l *limits) login(r *http.Request, email string) error {
	if l == nil {
		return nil
	}
	if err := tooMany(l.loginsByAddress.take(network(r)), "too many attempts to sign in from this address"); err != nil {
		return err
	}
	if email == "" {
		return nil
	}
	return tooMany(l.loginsByEmail.take(strings.ToLower(email)), "too many attempts to sign in")
}

// loggedIn forgets the attempts that led to a success.
func (l *limits) loggedIn(email string) {
	if l != nil {
		l.loginsByEmail.reset(strings.ToLower(email))
	}
}

func tooMany(wait time.Duration, message string) error {
	if wait == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.RateLimited, Message: message, RetryAfter: wait}
}

// network is the client's address, of IPv6 its /64, which is what one subscriber has.
func network(r *http.Request) string {
	address := middleware.GetClientIPAddr(r.Context())
	if address.Is6() {
		return netip.PrefixFrom(address.WithZone(""), 64).Masked().String()
	}
	return address.String()
}

// maxBuckets bounds the memory that strangers can take: some 20 MiB for all.
const maxBuckets = 50_000

// buckets is a token bucket for each key.
type buckets struct {
	size  int
	limit rate.Limit

	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func newBuckets(size int, window time.Duration) *buckets {
	return &buckets{size: size, limit: rate.Limit(float64(size) / window.Seconds()), all: make(map[string]*rate.Limiter)}
}

// take takes from the key's bucket; when that is empty, it says how long to wait.
func (b *buckets) take(key string) time.Duration {
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

// makeRoom forgets the buckets that are full, since a new one is the same. Were most in use, it forgets them all: limiting
// nobody for a moment is better than refusing everybody.
func (b *buckets) makeRoom(now time.Time) {
	for key, bucket := range b.all {
		if bucket.TokensAt(now) >= float64(b.size) {
			delete(b.all, key)
		}
	}
	if len(b.all) >= maxBuckets*3/4 {
		clear(b.all)
	}
}

func (b *buckets) reset(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, key)
}
