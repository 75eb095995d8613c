package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keyPair is an Ed25519 key as openssl writes it.
func keyPair(t *testing.T) (private, public string, key ed25519.PrivateKey) {
	t.Helper()
	private, public, err := NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(private))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return private, public, parsed.(ed25519.PrivateKey)
}

func pemOf(t *testing.T, kind string, key any) string {
	t.Helper()
	marshal := x509.MarshalPKCS8PrivateKey
	if kind == "PUBLIC KEY" {
		marshal = x509.MarshalPKIXPublicKey
	}
	der, err := marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func ring(t *testing.T, public, private string) Keyring {
	t.Helper()
	k, err := ParsePublicKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	if private == "" {
		return k
	}
	if k, err = k.WithPrivateKey(private); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAttackTokenConfusion: who has the public key, which is published, can sign nothing with it. Mutations, each caught by the
// row of its name: key returns the public key for HS256, too; it ignores kid; an empty secret among the
// secrets. Without WithValidMethods nothing changes: key refuses the other methods, too.
func TestAttackTokenConfusion(t *testing.T) {
	private, public, key := keyPair(t)
	_, _, other := keyPair(t)
	both := NewAccessWithKeys(secret, "", ring(t, public, private), time.Minute)
	alone := NewAccessWithKeys("", "", ring(t, public, ""), time.Minute)
	good, err := both.Sign(user, account, session)
	if err != nil {
		t.Fatal(err)
	}
	id := KeyID(key.Public().(ed25519.PublicKey))
	forge := func(method jwt.SigningMethod, with any, kid any) string {
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(good, &claims); err != nil {
			t.Fatal(err)
		}
		unsigned := jwt.NewWithClaims(method, claims)
		if kid != nil {
			unsigned.Header["kid"] = kid
		}
		signed, err := unsigned.SignedString(with)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	parts := strings.Split(good, ".")
	header := func(json string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(json)) + "." + parts[1] + "."
	}
	for name, access := range map[string]*Access{"api, with a secret too": both, "realtime, with the public key alone": alone} {
		if claims, err := access.Verify(good); err != nil || claims.UserID != user || claims.SessionID != session {
			t.Fatalf("%s: a good token: %+v, %v", name, claims, err)
		}
		for what, forged := range map[string]string{
			"HMAC with the PEM of the public key":       forge(jwt.SigningMethodHS256, []byte(public), id),
			"HMAC with the trimmed PEM":                 forge(jwt.SigningMethodHS256, []byte(strings.TrimSpace(public)), id),
			"HMAC with the bytes of the public key":     forge(jwt.SigningMethodHS256, []byte(key.Public().(ed25519.PublicKey)), id),
			"HMAC with the key id":                      forge(jwt.SigningMethodHS256, []byte(id), id),
			"HMAC with an empty secret":                 forge(jwt.SigningMethodHS256, []byte{}, nil),
			"another HMAC with the public key":          forge(jwt.SigningMethodHS512, []byte(key.Public().(ed25519.PublicKey)), id),
			"a foreign key under the known id":          forge(jwt.SigningMethodEdDSA, other, id),
			"the right key under an unknown id":         forge(jwt.SigningMethodEdDSA, key, "unknown"),
			"the right key without an id":               forge(jwt.SigningMethodEdDSA, key, nil),
			"the right key under an id that is no text": forge(jwt.SigningMethodEdDSA, key, []string{id}),
			"a foreign key under its own id":            forge(jwt.SigningMethodEdDSA, other, KeyID(other.Public().(ed25519.PublicKey))),
			"algorithm none":                            forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, id),
			"a header that says none":                   header(`{"alg":"none","kid":"` + id + `"}`),
			"a header that says HS256":                  header(`{"alg":"HS256","kid":"`+id+`"}`) + parts[2],
			"a header with a key in it":                 header(`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`) + parts[2],
			"no signature":                              parts[0] + "." + parts[1] + ".",
		} {
			if claims, err := access.Verify(forged); !errors.Is(err, ErrInvalid) || claims != (Claims{}) {
				t.Errorf("%s: %s: %+v, %v", name, what, claims, err)
			}
		}
	}
	if _, err := alone.Verify(forge(jwt.SigningMethodHS256, []byte(secret), nil)); !errors.Is(err, ErrInvalid) {
		t.Errorf("without the secret, a token of it: %v", err)
	}
	if signed, err := alone.Sign(user, account, session); err == nil {
		t.Errorf("who has the public key alone signs: %s", signed)
	}
}

// TestAccess_rotation: a key is replaced in three steps, and a token of each step holds at its neighbours.
func TestAccess_rotation(t *testing.T) {
	oldPrivate, oldPublic, _ := keyPair(t)
	newPrivate, newPublic, _ := keyPair(t)
	sign := func(a *Access) string {
		signed, err := a.Sign(user, account, session)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	steps := []*Access{
		NewAccessWithKeys("", "", ring(t, oldPublic, oldPrivate), time.Minute),
		NewAccessWithKeys("", "", ring(t, oldPublic+newPublic, oldPrivate), time.Minute),
		NewAccessWithKeys("", "", ring(t, oldPublic+newPublic, newPrivate), time.Minute),
		NewAccessWithKeys("", "", ring(t, newPublic, newPrivate), time.Minute),
	}
	for i, signer := range steps {
		for j, verifier := range steps {
			_, err := verifier.Verify(sign(signer))
			switch apart := max(i-j, j-i); {
			case apart <= 1 && err != nil:
				t.Errorf("step %d refuses a token of step %d: %v", j, i, err)
			case apart == len(steps)-1 && !errors.Is(err, ErrInvalid):
				t.Errorf("step %d accepts a token of step %d: %v", j, i, err)
			}
		}
	}
}

func TestKeyring_errors(t *testing.T) {
	private, public, _ := keyPair(t)
	otherPrivate, _, _ := keyPair(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	many := ""
	for range mostKeys + 1 {
		_, one, _ := keyPair(t)
		many += one
	}
	for name, c := range map[string]struct{ public, private, want string }{
		"no PEM":                    {"words", "", "in PEM"},
		"text after the last block": {public + "words", "", "in PEM"},
		"a private key":             {private, "", "in PEM"},
		"a public key of RSA":       {pemOf(t, "PUBLIC KEY", rsaKey.Public()), "", "only Ed25519"},
		"a block of nonsense":       {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "", "not a public key"},
		"too many":                  {many, "", "at most"},
		"private: no PEM":           {public, "words", "in PEM"},
		"private: two blocks":       {public, private + private, "one block"},
		"private: a public key":     {public, public, "one block"},
		"private: of RSA":           {public, pemOf(t, "PRIVATE KEY", rsaKey), "only Ed25519"},
		"private: of another pair":  {public, otherPrivate, "not in JWT_PUBLIC_KEY"},
		"private: nonsense":         {public, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key"},
	} {
		k, err := ParsePublicKeys(c.public)
		if err == nil && c.private != "" {
			_, err = k.WithPrivateKey(c.private)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k, err := ParsePublicKeys(" \n"); err != nil || string(k.JWKS()) != `{"keys":[]}` {
		t.Errorf("an empty list: %s, %v", k.JWKS(), err)
	}
}

// TestKeyring_JWKS compares with the example of RFC 8037, appendix A.
func TestKeyring_JWKS(t *testing.T) {
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(ring(t, pemOf(t, "PUBLIC KEY", ed25519.PublicKey(x)), "").JWKS(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v, %v", set, err)
	}
	got := set.Keys[0]
	if got["kid"] != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" || got["x"] != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" ||
		got["kty"] != "OKP" || got["crv"] != "Ed25519" || got["alg"] != "EdDSA" || got["d"] != "" {
		t.Errorf("%v", got)
	}
}
