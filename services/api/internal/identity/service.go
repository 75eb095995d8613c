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
	"github.com/driftsentry/driftsentry/services/api/internal/cache"
)

const (
	// cacheFor is how long a look-up is believed. A right that is lost must be lost within 10 s, on every replica.
	cacheFor = 5 * time.Second
	// cacheSize bounds the memory; sessions that are in use at the same moment are fewer.
	cacheSize = 10_000
)

// Service has the use cases. The caller of those for admins has checked that the principal is one.
type Service struct {
	store         Store
	access        *token.Access
	apiKeys       *token.Keys
	passwords     *passwords
	refreshExpiry time.Duration
	sessionMaxAge time.Duration
	emailKey      []byte

	sessions *cache.Cache[uuid.UUID, SessionState]
	keys     *cache.Cache[uuid.UUID, KeyState]

	provider *ProviderConfig // nil without an identity provider
	ci       CITokens
	trusts   *trusts

	logins, providerLogins metric.Int64Counter
	clock                  func() time.Time
}

// Config has the parts and settings of a service.
type Config struct {
	Store  Store
	Access *token.Access
	Keys   *token.Keys
	// DataKey hashes the emails of failed sign-ins.
	DataKey string
	// RefreshExpiry is how long a session lives without being refreshed.
	RefreshExpiry time.Duration
	// SessionMaxAge is how long a session lives at most.
	SessionMaxAge time.Duration
	// Provider says what people may do who sign in with the identity provider; nil without one.
	Provider *ProviderConfig
	// CI verifies the tokens of CI; nil accepts none.
	CI CITokens
	// Hashing defaults to what OWASP recommends for passwords; tests use less.
	Hashing *argon2id.Params
	Meter   metric.Meter
}

// New makes the service.
func New(c Config) (*Service, error) {
	s := &Service{
		store: c.Store, access: c.Access, apiKeys: c.Keys, refreshExpiry: c.RefreshExpiry, sessionMaxAge: c.SessionMaxAge,
		provider: c.Provider, ci: c.CI, clock: time.Now,
	}
	var err error
	if s.emailKey, err = deriveEmailKey(c.DataKey); err != nil {
		return nil, err
	}
	if s.sessions, err = cache.New[uuid.UUID, SessionState](c.Meter, "session", cacheSize, cacheFor); err != nil {
		return nil, err
	}
	if s.keys, err = cache.New[uuid.UUID, KeyState](c.Meter, "api_key", cacheSize, cacheFor); err != nil {
		return nil, err
	}
	if s.trusts, err = newTrusts(c.Meter, c.Store); err != nil {
		return nil, err
	}
	in := instrument.From(c.Meter)
	s.logins, s.providerLogins = in.Counter(driftconv.AuthLogins), in.Counter(driftconv.AuthProviderLogins)
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

// Outcomes of an attempt to sign in.
var (
	loginAccepted = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "accepted")))
	loginRefused  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "refused")))
)
