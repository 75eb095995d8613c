// Package tokentest makes the access tokens that an attacker would.
package tokentest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/token"
)

// Forged makes, from the secret and a valid session, every token that must be refused, by what is wrong with it.
// Each differs in one thing from one that is good.
func Forged(t testing.TB, secret string, user, account, session uuid.UUID) map[string]string {
	t.Helper()
	good, err := token.NewAccess(secret, "", time.Minute).Sign(user, account, session)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(good, &claims); err != nil {
			t.Fatal(err)
		}
		change(claims)
		signed, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	same := func(jwt.MapClaims) {}
	set := func(name string, value any) string {
		return sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c[name] = value })
	}
	now := time.Now()
	parts := strings.Split(good, ".")
	header := func(json string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(json)) + "." + parts[1] + "." + parts[2]
	}
	return map[string]string{
		"another algorithm of the family":   sign(jwt.SigningMethodHS512, []byte(secret), same),
		"a public-key algorithm":            sign(jwt.SigningMethodRS256, rsaKey, same),
		"algorithm none":                    sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"a header that says none":           header(`{"alg":"none","typ":"JWT"}`),
		"a header that says none, unsigned": strings.TrimSuffix(header(`{"alg":"none","typ":"JWT"}`), parts[2]),
		"a header that says nOnE":           header(`{"alg":"nOnE","typ":"JWT"}`),
		"another key":                       sign(jwt.SigningMethodHS256, []byte("another-"+secret), same),
		"an empty key":                      sign(jwt.SigningMethodHS256, []byte{}, same),
		"another issuer":                    set("iss", "someone"),
		"no issuer":                         set("iss", nil),
		"another audience":                  set("aud", "something"),
		"no audience":                       set("aud", nil),
		"expired":                           set("exp", now.Add(-time.Minute).Unix()),
		"no expiry":                         set("exp", nil),
		"issued in the future":              set("iat", now.Add(time.Hour).Unix()),
		"not valid yet":                     set("nbf", now.Add(time.Hour).Unix()),
		"a session that never was":          set("sid", uuid.NewString()),
		"another user's name on it":         set("sub", uuid.NewString()),
		"another account's name on it":      set("account", uuid.NewString()),
		"no session":                        set("sid", nil),
		"claims changed after signing":      parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+uuid.NewString()+`"}`)) + "." + parts[2],
		"no signature":                      parts[0] + "." + parts[1] + ".",
	}
}
