package identity

import (
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/cachestat"
)

// Service is the use cases. Whoever calls those of admins has checked that the principal is one.
type Service struct {
	store         Store
	access        *token.Access
	apiKeys       *token.Keys
	passwords     *passwords
	refreshExpiry time.Duration

	sessions *cache[SessionState]
	keys     *cache[KeyState]

	logins metric.Int64Counter
	clock  func() time.Time
}

// Config is what a service is made of.
type Config struct {
	Store  Store
	Access *token.Access
	Keys   *token.Keys
	// RefreshExpiry is how long a session lives without being refreshed.
	RefreshExpiry time.Duration
	// Hashing defaults to what OWASP recommends for passwords; tests, whose passwords protect nothing, want less.
	Hashing *argon2id.Params
	Meter   metric.Meter
}

// New makes the service.
func New(c Config) (*Service, error) {
	s := &Service{
		store: c.Store, access: c.Access, apiKeys: c.Keys, refreshExpiry: c.RefreshExpiry, clock: time.Now,
	}
	sessions, err := cachestat.New(c.Meter, "session")
	if err != nil {
		return nil, err
	}
	keys, err := cachestat.New(c.Meter, "api_key")
	if err != nil {
		return nil, err
	}
	s.sessions, s.keys = newCache[SessionState](sessions), newCache[KeyState](keys)
	in := instrument.From(c.Meter)
	s.logins = in.Counter(driftconv.AuthLogins)
	if err := in.Err(); err != nil {
		return nil, err
	}
	if s.passwords, err = newPasswords(c.Hashing); err != nil {
		return nil, err
	}
	return s, nil
}

// now is the time in the precision that is stored.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// newID makes an id whose order is that of its making.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Outcomes of an attempt to sign in.
var (
	loginAccepted = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "accepted")))
	loginRefused  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "refused")))
)
