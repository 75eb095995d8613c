package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const secret = "0123456789abcdef0123456789abcdef"

var (
	user    = uuid.MustParse("019a0000-0000-7000-8000-000000000001")
	account = uuid.MustParse("019a0000-0000-7000-8000-000000000002")
	session = uuid.MustParse("019a0000-0000-7000-8000-000000000003")
)

func signed(t *testing.T, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": user.String(), "account": account.String(), "sid": session.String(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	if change != nil {
		change(claims)
	}
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// respelled is the token with another last letter, of which only a bit differs that says nothing.
func respelled(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(letters[strings.IndexByte(letters, token[last])^1])
}

// Mutation: no strict decoding (another spelling of it).
func TestAccess_Verify(t *testing.T) {
	access := NewAccess(secret, "", 15*time.Minute)
	hs256 := jwt.SigningMethodHS256
	valid := signed(t, hs256, []byte(secret), nil)
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"a well-formed one passes":                 {valid, nil},
		"expired, by the clock of another host":    {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["exp"] = time.Now().Add(-Leeway + 10*time.Second).Unix() }), nil},
		"issued now, by the clock of another host": {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["iat"] = time.Now().Add(Leeway - 10*time.Second).Unix() }), nil},
		"valid from now, by the clock of another":  {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["nbf"] = time.Now().Add(Leeway - 10*time.Second).Unix() }), nil},
		"expired, beyond the leeway":               {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["exp"] = time.Now().Add(-Leeway - 10*time.Second).Unix() }), ErrExpired},
		"issued in the future, beyond the leeway":  {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["iat"] = time.Now().Add(Leeway + 10*time.Minute).Unix() }), ErrInvalid},
		"valid from the future, beyond the leeway": {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["nbf"] = time.Now().Add(Leeway + 10*time.Minute).Unix() }), ErrInvalid},
		"expired, and ours":                        {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["exp"] = time.Now().Add(-time.Hour).Unix() }), ErrExpired},
		"expired, and not ours":                    {signed(t, hs256, []byte("another"), func(m jwt.MapClaims) { m["exp"] = time.Now().Add(-time.Hour).Unix() }), ErrInvalid},
		"expired, of another issuer": {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) {
			m["exp"], m["iss"] = time.Now().Add(-time.Hour).Unix(), "someone"
		}), ErrInvalid},
		"wrong key":                  {signed(t, hs256, []byte("another"), nil), ErrInvalid},
		"another HMAC":               {signed(t, jwt.SigningMethodHS512, []byte(secret), nil), ErrInvalid},
		"alg none":                   {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), ErrInvalid},
		"wrong issuer":               {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["iss"] = "someone" }), ErrInvalid},
		"wrong audience":             {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["aud"] = "something" }), ErrInvalid},
		"no expiry":                  {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { delete(m, "exp") }), ErrInvalid},
		"issued in the future":       {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["iat"] = time.Now().Add(time.Hour).Unix() }), ErrInvalid},
		"subject is not a user":      {signed(t, hs256, []byte(secret), func(m jwt.MapClaims) { m["sub"] = "root" }), ErrInvalid},
		"a refresh token":            {NewOpaque(RefreshPrefix), ErrInvalid},
		"empty":                      {"", ErrInvalid},
		"signature cut off":          {valid[:strings.LastIndex(valid, ".")+1], ErrInvalid},
		"one letter of the body off": {flip(valid, strings.Index(valid, ".")+5), ErrInvalid},
		"another spelling of it":     {respelled(valid), ErrInvalid},
		"longer than any of ours":    {valid + strings.Repeat("A", maxTokenLength), ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := access.Verify(c.token)
			if !errors.Is(err, c.want) {
				t.Fatalf("err = %v, want %v", err, c.want)
			}
			if known := !errors.Is(err, ErrInvalid); known != (claims.UserID == user && claims.SessionID == session) {
				t.Errorf("claims = %+v for %v", claims, err)
			}
		})
	}
}

// TestAttackCriticalHeader: a header that says "who does not understand this must refuse the token" (RFC 7515, section 4.1.11) is
// obeyed, also where the signature is ours and where the time is over. Mutation: key does not look at crit.
func TestAttackCriticalHeader(t *testing.T) {
	private, public, key := keyPair(t)
	access := NewAccessWithKeys(secret, "", ring(t, public, private), time.Minute)
	for _, c := range []struct {
		method jwt.SigningMethod
		key    any
		kid    string
	}{
		{jwt.SigningMethodHS256, []byte(secret), ""},
		{jwt.SigningMethodEdDSA, key, KeyID(key.Public().(ed25519.PublicKey))},
	} {
		for what, crit := range map[string]any{
			"an unknown extension": []string{"urn:example:unknown"}, "an unencoded payload": []string{"b64"}, "an empty list": []string{}, "no list": nil,
		} {
			for _, left := range []time.Duration{time.Minute, -time.Hour} {
				claims := jwt.MapClaims{
					"iss": issuer, "aud": audience, "sub": user.String(), "account": account.String(), "sid": session.String(),
					"iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": time.Now().Add(left).Unix(),
				}
				unsigned := jwt.NewWithClaims(c.method, claims)
				unsigned.Header["kid"], unsigned.Header["b64"] = c.kid, true
				plain, err := unsigned.SignedString(c.key)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := access.Verify(plain); errors.Is(err, ErrInvalid) {
					t.Fatalf("%s without crit: %v", c.method.Alg(), err)
				}
				unsigned.Header["crit"] = crit
				critical, err := unsigned.SignedString(c.key)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := access.Verify(critical); !errors.Is(err, ErrInvalid) || got != (Claims{}) {
					t.Errorf("%s, %s, %v left: %+v, %v", c.method.Alg(), what, left, got, err)
				}
			}
		}
	}
}

func flip(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

func TestAccess_Sign(t *testing.T) {
	old, rotated := NewAccess("old-"+secret, "", time.Minute), NewAccess(secret, "old-"+secret, time.Minute)
	s, err := old.Sign(user, account, session)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("what it signs it verifies", func(t *testing.T) {
		claims, err := old.Verify(s)
		if err != nil || claims.UserID != user || claims.AccountID != account || claims.SessionID != session {
			t.Errorf("got %+v, %v", claims, err)
		}
		if left := time.Until(claims.ExpiresAt); left <= 0 || left > time.Minute {
			t.Errorf("it expires in %v", left)
		}
	})
	t.Run("the previous secret still verifies after a rotation", func(t *testing.T) {
		if _, err := rotated.Verify(s); err != nil {
			t.Error(err)
		}
	})
	t.Run("without the previous secret it does not", func(t *testing.T) {
		if _, err := NewAccess(secret, "", time.Minute).Verify(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("the new secret signs", func(t *testing.T) {
		s, err := rotated.Sign(user, account, session)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Verify(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestKeys_Recognise(t *testing.T) {
	keys, err := NewKeys("a data key", "")
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	key, shown := keys.New(id)
	if got, ok := keys.Recognise(key); !ok || got != id {
		t.Fatalf("our own key: %v, %v", got, ok)
	}
	if !strings.HasPrefix(key, shown) || len(shown) >= len(key)/2 {
		t.Errorf("the shown part %q of a key of %d characters", shown, len(key))
	}
	if again, _ := keys.New(id); again == key {
		t.Error("two keys of one id are the same")
	}
	for i := len(APIKeyPrefix); i < len(key); i++ {
		if _, ok := keys.Recognise(flip(key, i)); ok {
			t.Errorf("recognised with character %d changed", i)
		}
	}
	other, err := NewKeys("another data key", "")
	if err != nil {
		t.Fatal(err)
	}
	foreign, _ := other.New(id)
	for name, bad := range map[string]string{
		"made with another DATA_KEY": foreign, "empty": "", "prefix only": APIKeyPrefix, "cut": key[:len(key)-1],
		"longer": key + "A", "another prefix": "dx_" + key[3:],
		"random": APIKeyPrefix + base64.RawURLEncoding.EncodeToString(make([]byte, keySize)),
	} {
		if _, ok := keys.Recognise(bad); ok {
			t.Errorf("recognised: %s", name)
		}
	}
}

func TestNewOpaque(t *testing.T) {
	a, b := NewOpaque(SetupPrefix), NewOpaque(SetupPrefix)
	if a == b || !strings.HasPrefix(a, SetupPrefix) || len(a) != len(SetupPrefix)+43 {
		t.Errorf("got %q and %q", a, b)
	}
	if bytes.Equal(Hash(a), Hash(b)) {
		t.Error("two tokens have one hash")
	}
}

func FuzzVerify(f *testing.F) {
	access := NewAccess(secret, "", time.Minute)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := access.Verify(s); err == nil {
			t.Errorf("a token without a signature was accepted: %q", s)
		}
	})
}
