package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/driftconv"
	"github.com/driftsentry/driftsentry/pkg/telemetry/instrument"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

const (
	// maxToken is the longest token, in bytes. Those of GitHub and GitLab have about 2,000.
	maxToken = 16 << 10
	// maxAge is how long ago a token may have been issued. A job of GitLab gets its token when it begins.
	maxAge = 6 * time.Hour
	// maxIssuers bounds the memory: what is more is forgotten, and fetched again when it is needed.
	maxIssuers = 1000
)

// Why a token of CI is refused. The texts reveal only what the caller knows.
var (
	errCIExpired = apierror.Refuse(apierror.Expired, "the token of CI has expired, or is older than six hours; get a new one in the job")
	errCIInvalid = apierror.Refuse(apierror.Unknown, "the token of CI is not valid: its signature, its times or its audience are wrong")
)

// CI verifies tokens of CI. Whether an issuer may be asked for its keys is for its caller to know.
type CI struct {
	client  *http.Client
	fetches metric.Int64Counter
	clock   func() time.Time

	mu      sync.Mutex
	issuers map[string]*issuer
}

var _ identity.CITokens = (*CI)(nil)

// NewCI makes the verifier. The client must refuse addresses that an admin of an account may not reach.
func NewCI(client *http.Client, meter metric.Meter) (*CI, error) {
	in := instrument.From(meter)
	return &CI{client: client, fetches: in.Counter(driftconv.AuthKeyFetches), clock: time.Now, issuers: make(map[string]*issuer)}, in.Err()
}

// Read implements identity.CITokens.
func (c *CI) Read(raw string) *identity.CIToken {
	if len(raw) > maxToken || strings.Count(raw, ".") != 2 {
		return nil
	}
	claims := jwt.MapClaims{}
	t, _, err := parser().ParseUnverified(raw, claims)
	if err != nil || t.Method == nil || !slices.Contains(methods, t.Method.Alg()) {
		return nil
	}
	return describe(raw, claims)
}

func parser(options ...jwt.ParserOption) *jwt.Parser {
	return jwt.NewParser(append(options, jwt.WithJSONNumber(), jwt.WithValidMethods(methods))...)
}

// describe gives what the claims say; nil when they are not those of a token of CI. A token for several audiences is for none: it
// would be a matter of order whose plans it sends.
func describe(raw string, claims jwt.MapClaims) *identity.CIToken {
	audience, err := claims.GetAudience()
	if err != nil || len(audience) != 1 {
		return nil
	}
	from, err := claims.GetIssuer()
	if err != nil || !strings.HasPrefix(from, "https://") {
		return nil
	}
	subject, err := claims.GetSubject()
	if err != nil || subject == "" {
		return nil
	}
	t := &identity.CIToken{Raw: raw, Issuer: from, Audience: audience[0], Subject: subject, Claims: make(map[string]string)}
	for name, value := range claims {
		switch value := value.(type) {
		case string:
			t.Claims[name] = value
		case json.Number:
			t.Claims[name] = value.String()
		case bool:
			t.Claims[name] = strconv.FormatBool(value)
		}
	}
	return t
}

// ProveNow implements identity.CITokens.
func (c *CI) ProveNow(t *identity.CIToken) *identity.CIToken {
	k := c.issuer(t.Issuer).known.Load()
	if k.provider == nil || c.clock().Sub(k.fetched) >= keepFor {
		return nil
	}
	proven, err := c.verify(t, k.keyOf)
	if err != nil {
		return nil
	}
	return proven
}

// Prove implements identity.CITokens.
func (c *CI) Prove(ctx context.Context, t *identity.CIToken) (*identity.CIToken, error) {
	from := c.issuer(t.Issuer)
	proven, err := c.verify(t, func(parsed *jwt.Token) (any, error) { return from.key(ctx, parsed) })
	unavailable, ok := errors.AsType[*apierror.Error](err)
	switch {
	case err == nil:
		return proven, nil
	case ok:
		return nil, unavailable
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, errCIExpired
	}
	return nil, errCIInvalid
}

func (c *CI) verify(t *identity.CIToken, key jwt.Keyfunc) (*identity.CIToken, error) {
	claims := jwt.MapClaims{}
	parsed, err := parser(
		jwt.WithIssuer(t.Issuer), jwt.WithAudience(t.Audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(token.Leeway), jwt.WithTimeFunc(c.clock),
	).ParseWithClaims(t.Raw, claims, key)
	if err != nil {
		return nil, err //nolint:wrapcheck // Prove maps it.
	}
	issued, err := claims.GetIssuedAt()
	switch {
	case err != nil || issued == nil:
		return nil, jwt.ErrTokenRequiredClaimMissing
	case c.clock().Sub(issued.Time) > maxAge:
		return nil, jwt.ErrTokenExpired
	}
	proven := describe(parsed.Raw, claims)
	if proven == nil {
		return nil, jwt.ErrTokenMalformed
	}
	return proven, nil
}

func (c *CI) issuer(address string) *issuer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.issuers[address]; i != nil {
		return i
	}
	if len(c.issuers) >= maxIssuers {
		clear(c.issuers)
	}
	i := newIssuer(address, c.client, c.fetches)
	i.clock = c.clock
	c.issuers[address] = i
	return i
}
