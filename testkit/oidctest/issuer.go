// Package oidctest has servers of OpenID Connect for tests: an issuer of the tokens of CI jobs, whose keys a test holds, and an
// identity provider for people. Both speak TLS with a certificate that CA vouches for.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// CA is the certificate of all servers of net/http/httptest, in PEM.
func CA() string {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// Issuer is a host of CI, as far as tokens go.
type Issuer struct {
	t   testing.TB
	URL string

	mu       sync.Mutex
	Key      *rsa.PrivateKey
	KeyID    string
	set      jose.JSONWebKeySet
	handler  http.HandlerFunc // in the place of the usual responses; nil is those
	requests int
}

// NewIssuer starts an issuer with one key.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	server := httptest.NewTLSServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Rotate()
	return i
}

// Rotate makes another key, which signs from now on. The earlier ones are gone.
func (i *Issuer) Rotate() {
	i.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	i.Key, i.KeyID, i.set = key, uuid.NewString(), jose.JSONWebKeySet{}
	i.mu.Unlock()
	i.Publish(jose.JSONWebKey{Key: key.Public(), KeyID: i.KeyID, Use: "sig", Algorithm: "RS256"})
}

// Publish adds a key to the set.
func (i *Issuer) Publish(key jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set.Keys = append(i.set.Keys, key)
}

// Respond puts another handler in the place of all responses; nil is the usual ones.
func (i *Issuer) Respond(handler http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handler = handler
}

// Requests is how many requests came.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests++
	handler := i.handler
	i.mu.Unlock()
	switch {
	case handler != nil:
		handler(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	case r.URL.Path == "/keys":
		i.ServeKeys(w)
	default:
		http.NotFound(w, r)
	}
}

// ServeKeys responds with the set of keys.
func (i *Issuer) ServeKeys(w http.ResponseWriter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	_ = json.NewEncoder(w).Encode(i.set)
}

// Claims are those of a good token for this audience and subject, with changes; a nil value removes one.
func (i *Issuer) Claims(audience, subject string, changes map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": i.URL, "aud": audience, "sub": subject, "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token is a good token, with changes of its claims.
func (i *Issuer) Token(audience, subject string, changes map[string]any) string {
	i.t.Helper()
	return i.Sign(jwt.SigningMethodRS256, i.Key, i.Claims(audience, subject, changes), map[string]any{"kid": i.KeyID})
}

// Sign makes a token of any kind. The header has these values beside the method.
func (i *Issuer) Sign(method jwt.SigningMethod, key crypto.PrivateKey, claims jwt.MapClaims, header map[string]any) string {
	i.t.Helper()
	unsigned := jwt.NewWithClaims(method, claims)
	maps.Copy(unsigned.Header, header)
	signed, err := unsigned.SignedString(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return signed
}
