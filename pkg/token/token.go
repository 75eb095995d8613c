// Package token makes and checks the credentials of callers: access tokens (JWT), API keys, and the opaque
// one-time tokens. Everything here works without I/O, so that an edge can recognise a known caller before it
// starts a span; whether a session or a key is still valid is looked up afterwards.
package token

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	issuer   = "driftsentry"
	audience = "driftsentry"
)

// Leeway is how far the clocks of two hosts may be apart: a token that is not valid yet, or no longer, is accepted for so long.
const Leeway = 30 * time.Second

// The reasons for which an access token is refused.
var (
	// ErrInvalid: not signed by us, or not an access token.
	ErrInvalid = errors.New("the access token is invalid")
	// ErrExpired: signed by us, but expired.
	ErrExpired = errors.New("the access token has expired")
)

// Claims are the contents of an access token. They have no role: the database decides.
type Claims struct {
	UserID    uuid.UUID
	AccountID uuid.UUID
	SessionID uuid.UUID
	ExpiresAt time.Time
}

// Until is when the token is refused.
func (c Claims) Until() time.Time { return c.ExpiresAt.Add(Leeway) }

type jwtClaims struct {
	jwt.RegisteredClaims
	Account uuid.UUID `json:"account"`
	Session uuid.UUID `json:"sid"`
}

// Access signs and verifies access tokens: with Ed25519 if its keyring has a key that signs, else with HMAC-SHA-256. It
// accepts both, as far as it has keys for them.
type Access struct {
	secret   []byte
	secrets  jwt.VerificationKeySet // secret and the one before it, as far as there are any
	keys     Keyring
	ttl      time.Duration
	parser   *jwt.Parser
	verified memory
	now      func() time.Time
}

// NewAccess signs with secret and also accepts previous, if it is not empty, so that a secret can be rotated while
// tokens are in use. ttl is how long a token is valid.
func NewAccess(secret, previous string, ttl time.Duration) *Access {
	return NewAccessWithKeys(secret, previous, Keyring{}, ttl)
}

// NewAccessWithKeys is NewAccess with Ed25519 keys. Without a secret, tokens of HMAC are refused.
func NewAccessWithKeys(secret, previous string, keys Keyring, ttl time.Duration) *Access {
	a := &Access{secret: []byte(secret), keys: keys, ttl: ttl, now: time.Now}
	for _, s := range []string{secret, previous} {
		if s != "" {
			a.secrets.Keys = append(a.secrets.Keys, []byte(s))
		}
	}
	a.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg(), jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway),
		jwt.WithTimeFunc(func() time.Time { return a.now() }),
		jwt.WithStrictDecoding(), // One token has one spelling.
	)
	return a
}

// TTL is how long a token is valid.
func (a *Access) TTL() time.Duration { return a.ttl }

// Sign makes an access token of a session.
func (a *Access) Sign(user, account, session uuid.UUID) (string, error) {
	now := a.now()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodHS256, jwtClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: user.String(), ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(a.ttl)),
		},
		Account: account, Session: session,
	})
	var key any = a.secret
	switch {
	case a.keys.private != nil:
		unsigned.Method, key = jwt.SigningMethodEdDSA, a.keys.private
		unsigned.Header["alg"], unsigned.Header["kid"] = jwt.SigningMethodEdDSA.Alg(), a.keys.signerID
	case len(a.secret) == 0:
		return "", errors.New("sign an access token: there is no key for it")
	}
	signed, err := unsigned.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return signed, nil
}

// Verify checks signature, method, issuer, audience and times. For ErrExpired the claims are valid anyway: the
// caller is known, the token has expired.
func (a *Access) Verify(tokenString string) (Claims, error) {
	if len(tokenString) > maxTokenLength {
		return Claims{}, ErrInvalid
	}
	hash := sha256.Sum256([]byte(tokenString))
	if known, ok := a.verified.get(hash); ok {
		if !a.now().Before(known.Until()) {
			return known, ErrExpired
		}
		return known, nil
	}
	var claims jwtClaims
	_, err := a.parser.ParseWithClaims(tokenString, &claims, a.key)
	user, parseErr := uuid.Parse(claims.Subject)
	complete := parseErr == nil && claims.ExpiresAt != nil
	switch {
	case err == nil && complete:
	case onlyExpired(err) && complete:
		err = ErrExpired
	default:
		return Claims{}, ErrInvalid
	}
	known := Claims{UserID: user, AccountID: claims.Account, SessionID: claims.Session, ExpiresAt: claims.ExpiresAt.Time}
	if err == nil {
		a.verified.put(hash, known)
	}
	return known, err
}

// The services' JWTs have about 400 bytes, so a header of 1 MiB is not parsed.
const maxTokenLength = 4096

// key is the key for the token's method. The method chooses the kind of key, never the other way round: a public key is
// not secret, and as the key of an HMAC anyone could sign with it. A token whose header says what its reader must understand
// (crit, RFC 7515, section 4.1.11) has no key: no such extension is known here.
func (a *Access) key(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, ErrInvalid
	}
	switch t.Method {
	case jwt.SigningMethodEdDSA:
		id, _ := t.Header["kid"].(string)
		if public := a.keys.public[id]; public != nil {
			return public, nil
		}
	case jwt.SigningMethodHS256:
		if len(a.secrets.Keys) > 0 {
			return a.secrets, nil
		}
	}
	return nil, ErrInvalid
}

// onlyExpired reports whether a token is expired and otherwise valid.
func onlyExpired(err error) bool {
	if !errors.Is(err, jwt.ErrTokenExpired) {
		return false
	}
	for _, other := range []error{
		jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenNotValidYet, jwt.ErrTokenRequiredClaimMissing,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}
