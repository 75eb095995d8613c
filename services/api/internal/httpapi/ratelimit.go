package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/ratelimit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Limits are how often what may happen, on each replica. Each is a bucket of so many, filled again within the window. An
// address stands for one subscriber: an IPv4 address, or an IPv6 network of 64 bits. The networks of a /48 have ten times as
// many together.
type Limits struct {
	Enabled bool `env:"RATE_LIMIT_ENABLED" envDefault:"true"`
	// Requests a minute, of a principal, and of an address that has not signed in; those that are refused for their
	// credentials count apart.
	Requests int `env:"RATE_LIMIT_REQUESTS" envDefault:"1200"`
	// LoginWindow is the window of attempts to prove a password.
	LoginWindow     time.Duration `env:"RATE_LIMIT_LOGIN_WINDOW"      envDefault:"15m"`
	LoginPerAddress int           `env:"RATE_LIMIT_LOGIN_PER_ADDRESS" envDefault:"100"`
	// LoginPerEmail is for one email from one address, and starts again after a success.
	LoginPerEmail int `env:"RATE_LIMIT_LOGIN_PER_EMAIL" envDefault:"10"`
	// LoginElsewhere is how often an email may fail within a day, over all addresses from which its user has not signed in for 90
	// days. The failures are counted in the database, for all replicas.
	LoginElsewhere int `env:"RATE_LIMIT_LOGIN_ELSEWHERE" envDefault:"100"`
}

// limits counts. A nil *limits lets everything pass.
type limits struct {
	principals, loginsByEmail, reports *ratelimit.Buckets
	// elsewhere also bounds the attempts that are not counted in the database yet.
	elsewhere *ratelimit.Buckets

	strangers, refused, logins *ratelimit.Places

	loginElsewhere int
}

func newLimits(l Limits) *limits {
	if !l.Enabled {
		return nil
	}
	return &limits{
		principals:    ratelimit.New(l.Requests, time.Minute),
		loginsByEmail: ratelimit.New(l.LoginPerEmail, l.LoginWindow),
		reports:       ratelimit.New(reportsPerMinute, time.Minute),
		elsewhere:     ratelimit.New(l.LoginElsewhere, identity.FailuresCount),
		strangers:     ratelimit.NewPlaces(l.Requests, time.Minute),
		refused:       ratelimit.NewPlaces(l.Requests, time.Minute),
		logins:        ratelimit.NewPlaces(l.LoginPerAddress, l.LoginWindow),

		loginElsewhere: l.LoginElsewhere,
	}
}

func (l *limits) principal(p identity.Principal) error {
	if l == nil {
		return nil
	}
	return tooMany(l.principals.Take(p.ID().String()), "too many requests")
}

// report counts a report of a user's console, whose tabs each send one every few seconds.
func (l *limits) report(p identity.Principal) error {
	if l == nil {
		return nil
	}
	return tooMany(l.reports.Take(p.UserID.String()), "too many reports of telemetry")
}

func (l *limits) stranger(r *http.Request) error {
	if l == nil {
		return nil
	}
	return tooMany(l.strangers.Take(client(r)), "too many requests from this address")
}

// refuse counts a request that is refused for its credentials. Those of callers whose credentials hold pass, also from the same
// address.
func (l *limits) refuse(r *http.Request) error {
	if l == nil {
		return nil
	}
	return tooMany(l.refused.Take(client(r)), "too many requests with wrong credentials from this address")
}

const tooManyAttempts = "too many attempts to sign in"

// loginFrom counts an attempt to prove who one is.
func (l *limits) loginFrom(r *http.Request) error {
	if l == nil {
		return nil
	}
	return tooMany(l.logins.Take(client(r)), tooManyAttempts+" from this address")
}

// login counts an attempt to sign in with an email, which must be valid: a stranger's megabyte is not worth a hash.
func (l *limits) login(r *http.Request, email string) error {
	if l == nil {
		return nil
	}
	return tooMany(l.loginsByEmail.Take(attempts(r, email)), tooManyAttempts)
}

// currentPassword counts an attempt of a user to prove the password again, from any address: the session is proven already, so
// this locks no user out.
func (l *limits) currentPassword(r *http.Request, p identity.Principal) error {
	if l == nil {
		return nil
	}
	if err := l.loginFrom(r); err != nil {
		return err
	}
	return tooMany(l.loginsByEmail.Take(p.UserID.String()), tooManyAttempts)
}

func (l *limits) provedPassword(p identity.Principal) {
	if l != nil {
		l.loginsByEmail.Reset(p.UserID.String())
	}
}

// origin is where an attempt to sign in comes from, with the limit of attempts on the email from places that its user has not
// signed in from.
func (l *limits) origin(r *http.Request, email string) identity.Origin {
	o := identity.Origin{Network: ratelimit.Network(client(r)), UserAgent: r.UserAgent()}
	if l == nil {
		return o
	}
	o.Elsewhere = func(failed int) error {
		const wait = time.Hour // Failures are counted by the hour.
		if failed >= l.loginElsewhere {
			return tooMany(wait, tooManyAttempts)
		}
		return tooMany(l.elsewhere.Take(strings.ToLower(email)), tooManyAttempts)
	}
	return o
}

// loggedIn forgets the attempts that led to a success.
func (l *limits) loggedIn(r *http.Request, email string) {
	if l != nil {
		l.loginsByEmail.Reset(attempts(r, email))
		l.elsewhere.Reset(strings.ToLower(email))
	}
}

// attempts names the attempts on an email from an address.
func attempts(r *http.Request, email string) string {
	return ratelimit.Network(client(r)).String() + " " + strings.ToLower(email)
}

func tooMany(wait time.Duration, message string) error {
	if wait == 0 {
		return nil
	}
	return &apierror.Error{Kind: apierror.RateLimited, Message: message, RetryAfter: wait}
}

// client is the address of the caller.
func client(r *http.Request) netip.Addr { return middleware.GetClientIPAddr(r.Context()) }
