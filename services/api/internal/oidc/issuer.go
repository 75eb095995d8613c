package oidc

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

const (
	// fetchTimeout bounds the two requests of a fetch together.
	fetchTimeout = 5 * time.Second
	// MaxResponse bounds what is read of a response of an issuer, in bytes.
	MaxResponse = 512 << 10

	refreshAfter = time.Hour
	keepFor      = 24 * time.Hour
	// pauseKnown is between two fetches, whatever key ids tokens name; pauseFailed is after one that failed.
	pauseKnown  = time.Minute
	pauseFailed = 15 * time.Second

	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 8192
)

// methods are the ways to sign that are accepted. Each has a public key: with a secret that both sides have, or none, a token would
// prove nothing.
var methods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// errUnknownKey is the error of a token that names no key of its issuer.
var errUnknownKey = errors.New("the token names no key of its issuer")

// Outcomes of a fetch.
var (
	fetched = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "fetched")))
	failed  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "failed")))
)

// issuer is a server that issues tokens: what it says of itself, and its keys.
type issuer struct {
	url     string
	client  *http.Client
	fetches metric.Int64Counter
	clock   func() time.Time

	known atomic.Pointer[known]
	turn  chan struct{} // held by the one who fetches
}

// known is what an issuer said; it does not change.
type known struct {
	provider *oidc.Provider // nil before the first success
	document document
	keys     []jose.JSONWebKey
	fetched  time.Time
	tried    time.Time
	failure  error // of the last try
}

func newIssuer(address string, client *http.Client, fetches metric.Int64Counter) *issuer {
	i := &issuer{url: address, client: client, fetches: fetches, clock: time.Now, turn: make(chan struct{}, 1)}
	i.known.Store(&known{})
	return i
}

// get returns what the issuer said. It is fetched when it is old, or not enough for what it is needed for, unless it was a short
// time ago. What is still good enough is used when the issuer does not respond.
func (i *issuer) get(ctx context.Context, enough func(*known) bool) (*known, error) {
	for {
		k, now := i.known.Load(), i.clock()
		good := k.provider != nil && now.Sub(k.fetched) < keepFor && enough(k)
		if good && now.Sub(k.fetched) < refreshAfter || !k.tried.IsZero() && now.Sub(k.tried) < k.pause() {
			if !good && k.failure != nil {
				return nil, &apierror.Error{
					Kind: apierror.Unavailable, Message: "the issuer of the token, or the identity provider, does not respond; try again", RetryAfter: pauseFailed, Err: k.failure,
				}
			}
			return k, nil
		}
		if good { // The one that has the turn fetches for all.
			select {
			case i.turn <- struct{}{}:
			default:
				return k, nil
			}
		} else {
			select {
			case i.turn <- struct{}{}:
			case <-ctx.Done():
				return nil, fmt.Errorf("wait for the keys of %s: %w", i.url, context.Cause(ctx))
			}
		}
		err := i.refresh(ctx, k)
		<-i.turn
		if err != nil {
			return nil, err
		}
	}
}

func (k *known) pause() time.Duration {
	if k.failure != nil {
		return pauseFailed
	}
	return pauseKnown
}

// refresh fetches, unless another has done so. It fails only when its own caller went away.
func (i *issuer) refresh(ctx context.Context, before *known) error {
	if i.known.Load() != before {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	next, err := i.fetch(limited)
	if ctx.Err() != nil {
		return fmt.Errorf("fetch the keys of %s: %w", i.url, context.Cause(ctx)) // It says nothing about the issuer.
	}
	now := i.clock()
	if err != nil {
		i.fetches.Add(ctx, 1, failed)
		next = &known{provider: before.provider, document: before.document, keys: before.keys, fetched: before.fetched, failure: err}
	} else {
		i.fetches.Add(ctx, 1, fetched)
		next.fetched = now
	}
	next.tried = now
	i.known.Store(next)
	return nil
}

// document is what an issuer says of itself.
type document struct {
	oidc.ProviderConfig
	EndSession     string   `json:"end_session_endpoint"`
	TokenAuth      []string `json:"token_endpoint_auth_methods_supported"`
	ResponseIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

func (i *issuer) fetch(ctx context.Context) (*known, error) {
	k := &known{}
	if err := i.read(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration", &k.document); err != nil {
		return nil, err
	}
	if k.document.IssuerURL != i.url {
		return nil, fmt.Errorf("%s says that it is another issuer, %.200q", i.url, k.document.IssuerURL)
	}
	// A token is as safe as the way of its keys, and a code as that of its exchange.
	for _, address := range []string{k.document.JWKSURL, cmp.Or(k.document.AuthURL, i.url), cmp.Or(k.document.TokenURL, i.url), cmp.Or(k.document.UserInfoURL, i.url)} {
		if theirs := scheme(address); theirs != "https" && theirs != scheme(i.url) {
			return nil, fmt.Errorf("%s says that it is at %.200q, which is not https", i.url, address)
		}
	}
	k.document.Algorithms = methods
	k.provider = k.document.NewProvider(oidc.ClientContext(ctx, i.client))
	var set keySet
	if err := i.read(ctx, k.document.JWKSURL, &set); err != nil {
		return nil, err
	}
	var err error
	if k.keys, err = set.read(); err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", i.url, err)
	}
	return k, nil
}

// read reads a document of the issuer.
func (i *issuer) read(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", i.url, err)
	}
	res, err := i.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", i.url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responds with status %d at %.200s", i.url, res.StatusCode, address)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read a response of %s: %w", i.url, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s responds with what is not the JSON of OpenID Connect at %.200s: %w", i.url, address, err)
	}
	return nil
}

func scheme(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme
}

// keySet is a set of keys (RFC 7517).
type keySet struct {
	Keys []json.RawMessage `json:"keys"`
}

// read leaves out the keys that verify nothing here. One key that is not understood is no reason to refuse the others.
func (set keySet) read() ([]jose.JSONWebKey, error) {
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && (key.Use == "" || key.Use == "sig") && usable(key.Key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no public key for signatures")
	}
	return keys, nil
}

// usable reports whether this is a public key that is neither weak nor slow. A secret of a set, which everyone can read, is none.
func usable(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// find is the key that a token names; nil when there is none. Without a name, it is the only key for the token's method.
func (k *known) find(t *jwt.Token) any {
	id, named := t.Header["kid"].(string)
	var found []any
	for _, key := range k.keys {
		if (!named || key.KeyID == id) && (key.Algorithm == "" || key.Algorithm == t.Method.Alg()) && fits(key.Key, t.Method) {
			found = append(found, key.Key)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// fits reports whether the key is of the kind that the method needs: the method chooses it, never the other way round.
func fits(key any, method jwt.SigningMethod) bool {
	switch method := method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		_, ok := key.(*rsa.PublicKey)
		return ok
	case *jwt.SigningMethodECDSA:
		public, ok := key.(*ecdsa.PublicKey)
		return ok && public.Curve.Params().BitSize == method.CurveBits
	case *jwt.SigningMethodEd25519:
		_, ok := key.(ed25519.PublicKey)
		return ok
	}
	return false
}

// keyOf is the key that a token names, among the known ones.
func (k *known) keyOf(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical || !slices.Contains(methods, t.Method.Alg()) {
		return nil, errUnknownKey
	}
	if key := k.find(t); key != nil {
		return key, nil
	}
	return nil, errUnknownKey
}

// key is the key that a token names, which is fetched if it is new.
func (i *issuer) key(ctx context.Context, t *jwt.Token) (any, error) {
	k, err := i.get(ctx, func(k *known) bool { return k.find(t) != nil })
	if err != nil {
		return nil, err
	}
	return k.keyOf(t)
}

// VerifySignature implements go-oidc's KeySet.
func (i *issuer) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	t, err := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithoutClaimsValidation()).Parse(raw, func(t *jwt.Token) (any, error) { return i.key(ctx, t) })
	if err != nil {
		return nil, fmt.Errorf("verify a token of %s: %w", i.url, err)
	}
	return payload(t)
}

// payload is what was signed.
func payload(t *jwt.Token) ([]byte, error) {
	_, rest, _ := strings.Cut(t.Raw, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	decoded, err := jwt.NewParser().DecodeSegment(encoded)
	if err != nil {
		return nil, fmt.Errorf("decode a token: %w", err)
	}
	return decoded, nil
}
