package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
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
	requests, loginsByAddress, loginsByEmail *ratelimit.Buckets
}

func newLimits(l Limits) *limits {
	if !l.Enabled {
		return nil
	}
	return &limits{
		requests:        ratelimit.New(l.Requests, time.Minute),
		loginsByAddress: ratelimit.New(l.LoginPerAddress, l.LoginWindow),
		loginsByEmail:   ratelimit.New(l.LoginPerEmail, l.LoginWindow),
	}
}

func (l *limits) principal(p identity.Principal) error {
	if l == nil {
		return nil
	}
	return tooMany(l.requests.Take(p.ID().String()), "too many requests")
}

func (l *limits) stranger(r *http.Request) error {
	if l == nil {
		return nil
	}
	return tooMany(l.requests.Take(network(r)), "too many requests from this address")
}

// login counts an attempt to prove the password of an email's user, or a setup token, which has no email.
func (l *limits) login(r *http.Request, email string) error {
	if l == nil {
		return nil
	}
	if err := tooMany(l.loginsByAddress.Take(network(r)), "too many attempts to sign in from this address"); err != nil {
		return err
	}
	if email == "" {
		return nil
	}
	return tooMany(l.loginsByEmail.Take(strings.ToLower(email)), "too many attempts to sign in")
}

// loggedIn forgets the attempts that led to a success.
func (l *limits) loggedIn(email string) {
	if l != nil {
		l.loginsByEmail.Reset(strings.ToLower(email))
	}
}

func tooMany(wait time.Duration, message string) error {
	if wait == 0 {
		return nil
	}
	return &apierror.Error{Kind: apierror.RateLimited, Message: message, RetryAfter: wait}
}

// network is where the client calls from.
func network(r *http.Request) string {
	return ratelimit.Network(middleware.GetClientIPAddr(r.Context())).String()
}
