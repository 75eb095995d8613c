package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/dial"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
)

// guard lets requests reach this machine, if local.
func guard(local bool) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(oidctest.CA()))
	g := dial.Guard{Roots: pool}
	if local {
		g.Allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	return g.Client(time.Minute, MaxResponse)
}

func newCI(t *testing.T, client *http.Client) *CI {
	t.Helper()
	c, err := NewCI(client, noop.NewMeterProvider().Meter(""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	audience = "https://driftsentry.example.com"
	subject  = "repo:acme/network:ref:refs/heads/main"
)

// prove is Read and Prove, as identity does it.
func prove(ctx context.Context, c *CI, raw string) error {
	read := c.Read(raw)
	if read == nil {
		return errCIInvalid
	}
	if read.Issuer == "" || read.Audience != audience { // No trust would name it.
		return errCIInvalid
	}
	_, err := c.Prove(ctx, read)
	return err
}

// TestAttackCIToken: every token that differs from a good one in what proves it is refused, without a panic, and those that name keys
// in their own ways are too. Mutations: HS256 among the methods; fits always true; keyOf without crit; find without its comparison of
// Algorithm; usable with []byte; without WithIssuedAt; maxAge not compared; describe with several audiences; maxToken left out; without
// WithExpirationRequired.
func TestAttackCIToken(t *testing.T) {
	host := oidctest.NewIssuer(t)
	c := newCI(t, guard(true))
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("a secret that the set of keys gives away")
	for id, key := range map[string]any{"curve": curve.Public(), "edwards": edwards.Public(), "weak": weak.Public(), "secret": secret, "twice": other.Public()} {
		host.Publish(jose.JSONWebKey{Key: key, KeyID: id, Use: "sig"})
	}
	host.Publish(jose.JSONWebKey{Key: other.Public(), KeyID: "encrypts", Use: "enc"})
	host.Publish(jose.JSONWebKey{Key: other.Public(), KeyID: "ps256", Use: "sig", Algorithm: "PS256"})
	host.Publish(jose.JSONWebKey{Key: curve.Public(), KeyID: "twice", Use: "sig"})
	host.Publish(jose.JSONWebKey{Key: host.Key.Public(), KeyID: "twice", Use: "sig"})

	good := func(changes map[string]any) jwt.MapClaims { return host.Claims(audience, subject, changes) }
	rs := func(changes map[string]any) string { return host.Token(audience, subject, changes) }
	kid := func(id any) map[string]any { return map[string]any{"kid": id} }
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: func() []byte {
		der, err := x509.MarshalPKIXPublicKey(host.Key.Public())
		if err != nil {
			t.Fatal(err)
		}
		return der
	}()})
	now := time.Now()
	plain := rs(nil)
	parts := strings.Split(plain, ".")
	header := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[1] + "." + parts[2]
	}
	own, err := token.NewAccess(strings.Repeat("s", 32), "", time.Hour).Sign([16]byte{1}, [16]byte{2}, [16]byte{3})
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]string{
		"RS256":                       plain,
		"ES256":                       host.Sign(jwt.SigningMethodES256, curve, good(nil), kid("curve")),
		"EdDSA":                       host.Sign(jwt.SigningMethodEdDSA, edwards, good(nil), kid("edwards")),
		"PS256":                       host.Sign(jwt.SigningMethodPS256, other, good(nil), kid("ps256")),
		"a clock that is ahead":       rs(map[string]any{"iat": now.Add(20 * time.Second).Unix(), "nbf": now.Add(20 * time.Second).Unix()}),
		"expired within the leeway":   rs(map[string]any{"exp": now.Add(-20 * time.Second).Unix()}),
		"one audience, as a list":     rs(map[string]any{"aud": []string{audience}}),
		"no key id, and one such key": host.Sign(jwt.SigningMethodEdDSA, edwards, good(nil), nil),
	}
	for name, raw := range accepted {
		if err := prove(t.Context(), c, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused := map[string]string{
		"HS256 with the public key in PEM":     host.Sign(jwt.SigningMethodHS256, public, good(nil), kid(host.KeyID)),
		"HS256 with the public key's number":   host.Sign(jwt.SigningMethodHS256, host.Key.N.Bytes(), good(nil), kid(host.KeyID)),
		"HS256 with a secret of the set":       host.Sign(jwt.SigningMethodHS256, secret, good(nil), kid("secret")),
		"none":                                 host.Sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(nil), kid(host.KeyID)),
		"a header that says none":              header(`{"alg":"none","kid":"` + host.KeyID + `"}`),
		"a header that says nOnE":              header(`{"alg":"nOnE","kid":"` + host.KeyID + `"}`),
		"a header that says HS256":             header(`{"alg":"HS256","kid":"` + host.KeyID + `"}`),
		"a header with another method":         header(`{"alg":"RS512","kid":"` + host.KeyID + `"}`),
		"an extension that must be understood": host.Sign(jwt.SigningMethodRS256, host.Key, good(nil), map[string]any{"kid": host.KeyID, "crit": []string{"x"}, "x": 1}),
		"another key under the name":           host.Sign(jwt.SigningMethodRS256, other, good(nil), kid(host.KeyID)),
		"a key that brings itself":             host.Sign(jwt.SigningMethodRS256, weak, good(nil), map[string]any{"jwk": jose.JSONWebKey{Key: weak.Public()}, "jku": host.URL + "/keys", "x5u": host.URL}),
		"a weak key":                           host.Sign(jwt.SigningMethodRS256, weak, good(nil), kid("weak")),
		"a key for encryption":                 host.Sign(jwt.SigningMethodRS256, other, good(nil), kid("encrypts")),
		"a key for another method":             host.Sign(jwt.SigningMethodRS256, other, good(nil), kid("ps256")),
		"a name of two keys":                   host.Sign(jwt.SigningMethodRS256, other, good(nil), kid("twice")),
		"a key of another kind":                host.Sign(jwt.SigningMethodRS256, host.Key, good(nil), kid("curve")),
		"a key id that is a path":              host.Sign(jwt.SigningMethodRS256, host.Key, good(nil), kid("../../keys")),
		"a key id that is no text":             host.Sign(jwt.SigningMethodRS256, other, good(nil), kid(map[string]any{"$ne": ""})),
		"expired":                              rs(map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"no expiry":                            rs(map[string]any{"exp": nil}),
		"issued in the future":                 rs(map[string]any{"iat": now.Add(time.Hour).Unix()}),
		"not valid yet":                        rs(map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"issued long ago, for years":           rs(map[string]any{"iat": now.Add(-7 * time.Hour).Unix(), "exp": now.AddDate(9, 0, 0).Unix()}),
		"no time of issue":                     rs(map[string]any{"iat": nil}),
		"another audience":                     rs(map[string]any{"aud": "https://elsewhere.example.com"}),
		"two audiences":                        rs(map[string]any{"aud": []string{audience, "https://elsewhere.example.com"}}),
		"no audience":                          rs(map[string]any{"aud": nil}),
		"no issuer":                            rs(map[string]any{"iss": nil}),
		"an issuer that is no https":           rs(map[string]any{"iss": strings.Replace(host.URL, "https", "http", 1)}),
		"no subject":                           rs(map[string]any{"sub": nil}),
		"a subject that is no text":            rs(map[string]any{"sub": []string{subject}}),
		"no signature":                         parts[0] + "." + parts[1] + ".",
		"another payload":                      parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+host.URL+`","aud":"`+audience+`","sub":"x","iat":1,"exp":9999999999}`)) + "." + parts[2],
		"five parts, as an encrypted one has":  plain + ".AAAA.AAAA",
		"huge":                                 rs(map[string]any{"padding": strings.Repeat("x", 20<<10)}),
		"no JSON":                              "AAAA.AAAA.AAAA",
		"empty":                                "..",
		"our own access token":                 own,
	}
	for name, raw := range refused {
		if err := prove(t.Context(), c, raw); !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What was read of a token before, and decided who may be asked for keys, must be what it says. Mutations: without WithIssuer; without
	// WithAudience.
	for name, change := range map[string]func(*identity.CIToken) string{
		"read as one for another audience": func(r *identity.CIToken) string { r.Audience = "https://elsewhere.example.com"; return plain },
		"read as one of another issuer": func(*identity.CIToken) string {
			return rs(map[string]any{"iss": "https://elsewhere.example.com"})
		},
	} {
		read := c.Read(plain)
		read.Raw = change(read)
		if _, err := c.Prove(t.Context(), read); !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
		if c.ProveNow(read) != nil {
			t.Errorf("%s: proven by the keys in memory", name)
		}
	}
	// The other way round: what an issuer signed is none of our access tokens.
	if _, err := token.NewAccess(strings.Repeat("s", 32), "", time.Hour).Verify(plain); err == nil {
		t.Error("a token of CI is an access token")
	}
	if n := host.Requests(); n != 2 {
		t.Errorf("%d requests, want one for what the issuer says and one for its keys", n)
	}
	t.Logf("tried: %d tokens of CI that differ from a good one", len(refused))
}

// TestIssuer_keys: keys are fetched once for many, a new key is found, and an issuer that is away neither ends what is known nor is
// asked again at once. Mutations: pause always 0; without turn; keepFor in the place of refreshAfter; a failure that drops the keys.
func TestIssuer_keys(t *testing.T) {
	host := oidctest.NewIssuer(t)
	c := newCI(t, guard(true))
	var now atomic.Int64
	now.Store(time.Now().UnixMilli() * int64(time.Millisecond))
	c.clock = func() time.Time { return time.Unix(0, now.Load()) }
	pass := func(d time.Duration) { now.Add(int64(d)) }
	issue := func() string {
		at := c.clock().Unix()
		return host.Token(audience, subject, map[string]any{"iat": at, "nbf": at, "exp": at + 300})
	}
	requests := func(want int) {
		t.Helper()
		if n := host.Requests(); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	var wg sync.WaitGroup
	first := issue()
	for range 20 {
		wg.Go(func() {
			if err := prove(t.Context(), c, first); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	requests(2)

	stolen := host.Key
	host.Rotate()
	if err := prove(t.Context(), c, issue()); !apierror.Is(err, apierror.Unauthenticated) {
		t.Errorf("a new key within the minute: %v", err)
	}
	requests(2)
	pass(time.Minute)
	if err := prove(t.Context(), c, issue()); err != nil {
		t.Errorf("a new key after a minute: %v", err)
	}
	requests(4)
	old := host.Sign(jwt.SigningMethodRS256, stolen, host.Claims(audience, subject, nil), map[string]any{"kid": "stolen"})
	for range 5 {
		if err := prove(t.Context(), c, old); !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("a key that is gone: %v", err)
		}
	}
	requests(4)

	for name, away := range map[string]http.HandlerFunc{
		"that ends connections": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"with an error":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"that is another": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":"https://other.example","jwks_uri":%q}`, host.URL+"/keys")
		},
		"whose keys are on plain HTTP": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"http://127.0.0.1:1/keys"}`, host.URL)
		},
		"that redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) },
		"without an end": func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				if _, err := w.Write(make([]byte, MaxResponse/10)); err != nil {
					return
				}
			}
		},
	} {
		host.Respond(away)
		pass(refreshAfter)
		before := host.Requests()
		for range 5 {
			if err := prove(t.Context(), c, issue()); err != nil {
				t.Errorf("an issuer %s: known keys: %v", name, err)
			}
		}
		// The client itself tries again when a connection that it kept has ended.
		if n := host.Requests(); n == before || n > before+2 {
			t.Errorf("an issuer %s was asked %d times", name, n-before)
		}
	}
	// A stranger's key id gets no better response, and no more requests.
	before := host.Requests()
	if err := prove(t.Context(), c, old); !apierror.Is(err, apierror.Unavailable) {
		t.Errorf("an unknown key while the issuer is away: %v", err)
	}
	requests(before)
	pass(keepFor)
	if err := prove(t.Context(), c, issue()); !apierror.Is(err, apierror.Unavailable) {
		t.Errorf("keys of the day before: %v", err)
	}
	host.Respond(nil)
	pass(pauseFailed)
	if err := prove(t.Context(), c, issue()); err != nil {
		t.Errorf("after the issuer came back: %v", err)
	}
}

// TestAttackIssuerInside: an issuer at an address inside is not reached, and a caller that goes away says nothing about the issuer.
// Mutations: NewCI with another client; refresh without its look at ctx.
func TestAttackIssuerInside(t *testing.T) {
	host := oidctest.NewIssuer(t)
	c := newCI(t, guard(false))
	if err := prove(t.Context(), c, host.Token(audience, subject, nil)); !apierror.Is(err, apierror.Unavailable) {
		t.Errorf("an issuer on this machine: %v", err)
	}
	if host.Requests() != 0 {
		t.Error("the issuer was reached")
	}
	reachable := newCI(t, guard(true))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := prove(gone, reachable, host.Token(audience, subject, nil)); err == nil {
		t.Error("a caller that is gone gets a principal")
	}
	if err := prove(t.Context(), reachable, host.Token(audience, subject, nil)); err != nil {
		t.Errorf("the next caller: %v", err)
	}
}

// TestAttackKeySet: sets of keys that are hostile end without a key, and without a panic. Mutations: maxKeys or the bounds of RSA left out.
func TestAttackKeySet(t *testing.T) {
	slow := base64.RawURLEncoding.EncodeToString(make([]byte, 4096)) // a modulus of 32,768 bits
	slow = "_" + slow[1:]
	for name, set := range map[string]keySet{
		"none":                 {},
		"no objects":           {Keys: raws(`1`, `"x"`, `null`, `[]`)},
		"a slow key":           {Keys: raws(`{"kty":"RSA","n":"` + slow + `","e":"AQAB"}`)},
		"a private key's kind": {Keys: raws(`{"kty":"oct","k":"AAAA"}`)},
		"off the curve":        {Keys: raws(`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`)},
		"too many":             {Keys: raws(strings.Split(strings.Repeat(`{} `, 101), " ")...)},
	} {
		if keys, err := set.read(); err == nil || len(keys) > 0 {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}
