package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
)

func raws(texts ...string) []json.RawMessage {
	list := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		list[i] = json.RawMessage(text)
	}
	return list
}

const clientID = "driftsentry"

// liar is a provider whose responses a test chooses.
type liar struct {
	*oidctest.Issuer
	t        *testing.T
	provider *Provider
	// sign makes the ID token of a sign-in with this nonce.
	sign func(nonce string) string
	// info is the user info; nil is none.
	info map[string]any
	more map[string]any // of the document
	code int            // of the token endpoint, 0 is 200

	nonces map[string]string // by code
	spent  map[string]bool
}

func newLiar(t *testing.T, change func(*Config)) *liar {
	t.Helper()
	l := &liar{Issuer: oidctest.NewIssuer(t), t: t, nonces: map[string]string{}, spent: map[string]bool{}}
	l.sign = func(nonce string) string { return l.Token(clientID, "1", l.claims(nonce, nil)) }
	config := Config{
		Issuer: l.URL, ClientID: clientID, ClientSecret: "secret", Scopes: []string{"openid"}, RoleClaim: "roles",
		Redirect: "https://driftsentry.example.com/api/v1/auth/oidc/callback", SignedOut: "https://driftsentry.example.com/", Key: "the data key",
	}
	if change != nil {
		change(&config)
	}
	var err error
	if l.provider, err = NewProvider(config, guard(true), noop.NewMeterProvider().Meter("")); err != nil {
		t.Fatal(err)
	}
	l.Respond(l.serve)
	return l
}

func (l *liar) claims(nonce string, changes map[string]any) map[string]any {
	claims := map[string]any{"nonce": nonce, "email": "ada@example.com", "email_verified": true, "name": "Ada", "roles": []string{"admin"}}
	maps.Copy(claims, changes)
	return claims
}

func (l *liar) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document := map[string]any{
			"issuer": l.URL, "jwks_uri": l.URL + "/keys", "authorization_endpoint": l.URL + "/authorize", "token_endpoint": l.URL + "/token", "userinfo_endpoint": l.URL + "/info",
		}
		maps.Copy(document, l.more)
		_ = json.NewEncoder(w).Encode(document)
	case "/keys":
		l.ServeKeys(w)
	case "/token":
		if l.code != 0 {
			w.WriteHeader(l.code)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		code := r.FormValue("code")
		challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		bound, nonce, _ := strings.Cut(l.nonces[code], " ")
		if l.spent[code] || bound != base64.RawURLEncoding.EncodeToString(challenge[:]) || r.FormValue("redirect_uri") != l.provider.config.Redirect {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		l.spent[code] = true
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "opaque", "token_type": "Bearer", "id_token": l.sign(nonce)})
	case "/info":
		if l.info == nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l.info)
	default:
		http.NotFound(w, r)
	}
}

// begin begins a sign-in, and gives what comes back to the callback of its browser.
func (l *liar) begin() (query url.Values, cookie string) {
	l.t.Helper()
	address, cookie, err := l.provider.Begin(l.t.Context(), "/drifts", "")
	if err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		l.t.Fatal(err)
	}
	asked := u.Query()
	if asked.Get("code_challenge_method") != "S256" || asked.Get("response_type") != "code" || asked.Get("redirect_uri") != l.provider.config.Redirect || len(asked.Get("state")) < 43 || len(asked.Get("nonce")) < 43 {
		l.t.Errorf("%s", address)
	}
	code := "code-of-" + asked.Get("state")
	l.nonces[code] = asked.Get("code_challenge") + " " + asked.Get("nonce")
	return url.Values{"code": {code}, "state": {asked.Get("state")}}, cookie
}

func (l *liar) finish(query url.Values, cookie string) (*identity.Person, error) {
	person, _, err := l.provider.Finish(l.t.Context(), query, cookie)
	return person, err
}

// TestAttackIDToken: a provider, or another that can speak for it, signs no user in with a token that is not the one of this sign-in.
// Mutations: the nonce not compared; the azp, the at_hash, the time of issue or the time of the sign-in not looked at; SupportedSigningAlgs
// with HS256; the subject of the user info not compared.
func TestAttackIDToken(t *testing.T) {
	l := newLiar(t, nil)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	query, cookie := l.begin()
	person, err := l.finish(query, cookie)
	if err != nil || person.Subject != "1" || person.Email != "ada@example.com" || !person.EmailVerified || person.Issuer != l.URL || person.Roles[0] != "admin" || person.Name != "Ada" {
		t.Fatalf("%+v, %v", person, err)
	}
	token := func(changes map[string]any) func(string) string {
		return func(nonce string) string { return l.Token(clientID, "1", l.claims(nonce, changes)) }
	}
	signed := func(method jwt.SigningMethod, key any, header map[string]any) func(string) string {
		return func(nonce string) string {
			return l.Sign(method, key, l.Claims(clientID, "1", l.claims(nonce, nil)), header)
		}
	}
	kid := map[string]any{"kid": l.KeyID}
	for name, sign := range map[string]func(string) string{
		"another nonce":                  token(map[string]any{"nonce": "of another sign-in"}),
		"no nonce":                       token(map[string]any{"nonce": nil}),
		"for another client":             token(map[string]any{"aud": "another"}),
		"for two, without a party":       token(map[string]any{"aud": []string{clientID, "another"}}),
		"for two, to the other":          token(map[string]any{"aud": []string{clientID, "another"}, "azp": "another"}),
		"of another issuer":              token(map[string]any{"iss": "https://login.example.com"}),
		"expired":                        token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"issued in the future":           token(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}),
		"of another access token":        token(map[string]any{"at_hash": base64.RawURLEncoding.EncodeToString(make([]byte, 16))}),
		"none":                           signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid),
		"HS256 with the client's secret": signed(jwt.SigningMethodHS256, []byte("secret"), kid),
		"another key":                    signed(jwt.SigningMethodRS256, other, kid),
		"an unknown key":                 signed(jwt.SigningMethodRS256, other, map[string]any{"kid": "unknown"}),
		"absent":                         func(string) string { return "" },
		"huge":                           token(map[string]any{"padding": strings.Repeat("x", 20<<10)}),
		"no JSON":                        func(string) string { return "AAAA.AAAA.AAAA" },
	} {
		l.sign = sign
		query, cookie := l.begin()
		if person, err := l.finish(query, cookie); person != nil || !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("%s: %+v, %v", name, person, err)
		}
	}
	t.Run("the user info is that of the person", func(t *testing.T) {
		l.sign = token(map[string]any{"roles": nil, "email": nil, "email_verified": nil})
		l.info = map[string]any{"sub": "1", "email": "ada@example.com", "email_verified": true, "roles": "engineer"}
		query, cookie := l.begin()
		if person, err := l.finish(query, cookie); err != nil || person.Email != "ada@example.com" || !person.EmailVerified || person.Roles[0] != "engineer" {
			t.Errorf("%+v, %v", person, err)
		}
		l.info["sub"] = "2"
		query, cookie = l.begin()
		if person, err := l.finish(query, cookie); person != nil || !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("of another: %+v, %v", person, err)
		}
		// What says that one email is verified says nothing about another.
		l.sign = token(map[string]any{"roles": nil, "email": "boss@example.com", "email_verified": nil})
		l.info = map[string]any{"sub": "1", "email": "ada@example.com", "email_verified": true, "roles": "engineer"}
		query, cookie = l.begin()
		if person, err := l.finish(query, cookie); err != nil || person.Email != "boss@example.com" || person.EmailVerified {
			t.Errorf("%+v, %v", person, err)
		}
	})
	t.Run("the roles are those of the claim that the operator named", func(t *testing.T) { // Mutation: the claim "roles" whatever the name.
		l := newLiar(t, func(c *Config) { c.RoleClaim = "groups" })
		l.sign = func(nonce string) string {
			return l.Token(clientID, "1", l.claims(nonce, map[string]any{"groups": []string{"staff"}, "roles": []string{"admin"}}))
		}
		query, cookie := l.begin()
		if person, err := l.finish(query, cookie); err != nil || len(person.Roles) != 1 || person.Roles[0] != "staff" {
			t.Errorf("%+v, %v", person, err)
		}
	})
	t.Run("a sign-in that is too long ago", func(t *testing.T) {
		l := newLiar(t, func(c *Config) { c.MaxAge = 10 * time.Minute })
		for name, at := range map[string]any{"now": time.Now().Unix(), "an hour ago": time.Now().Add(-time.Hour).Unix(), "not said": nil} {
			l.sign = func(nonce string) string {
				return l.Token(clientID, "1", l.claims(nonce, map[string]any{"auth_time": at}))
			}
			query, cookie := l.begin()
			if person, err := l.finish(query, cookie); (err == nil) != (name == "now") || person != nil && person.SignedInAt.IsZero() {
				t.Errorf("%s: %+v, %v", name, person, err)
			}
		}
	})
}

// TestAttackCallback: only the browser that began a sign-in ends it, once, with the code that the provider gave it for this sign-in.
// Mutations: the state not compared; Finish without Until; the cookie sealed with another key; without VerifierOption; iss not compared.
func TestAttackCallback(t *testing.T) {
	l := newLiar(t, nil)
	mine, cookie := l.begin()
	victim, victims := l.begin()
	with := func(query url.Values, name, value string) url.Values {
		changed := url.Values{}
		maps.Copy(changed, query)
		changed.Set(name, value)
		return changed
	}
	foreign, err := newSeal("another key")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := l.provider.seal.open(cookie)
	if err != nil {
		t.Fatal(err)
	}
	late := *opened
	late.Until = time.Now().Add(-time.Second)
	for name, attack := range map[string]struct {
		query  url.Values
		cookie string
	}{
		"the attacker's response in the victim's browser": {mine, victims},
		"no cookie": {mine, ""},
		"no state":  {with(mine, "state", ""), cookie},
		"the attacker's code in the victim's sign-in": {with(victim, "code", mine.Get("code")), victims},
		"the victim's code in the attacker's sign-in": {with(mine, "code", victim.Get("code")), cookie},
		"a cookie that another service sealed":        {mine, foreign.close(*opened)},
		"a cookie that was changed":                   {mine, cookie[:len(cookie)-2] + "AA"},
		"a cookie that is no text of ours":            {mine, "{}"},
		"a cookie of long ago":                        {mine, l.provider.seal.close(late)},
		"the response of another provider":            {with(mine, "iss", "https://login.example.com"), cookie},
		"no code":                                     {with(mine, "code", ""), cookie},
		"a refusal":                                   {with(mine, "error", "login_required"), cookie},
	} {
		if person, err := l.finish(attack.query, attack.cookie); person != nil || !apierror.Is(err, apierror.Unauthenticated) && !apierror.Is(err, apierror.Invalid) {
			t.Errorf("%s: %+v, %v", name, person, err)
		}
	}
	if _, err := l.finish(mine, cookie); err != nil {
		t.Errorf("what was meant: %v", err)
	}
	if _, err := l.finish(mine, cookie); !apierror.Is(err, apierror.Unauthenticated) {
		t.Errorf("the same again: %v", err)
	}
	for code, want := range map[string]apierror.Kind{"access_denied": apierror.Forbidden, "temporarily_unavailable": apierror.Unavailable} {
		query, cookie := l.begin()
		if _, err := l.finish(with(query, "error", code), cookie); !apierror.Is(err, want) || strings.Contains(apierror.From(err).Message, "http") {
			t.Errorf("%s: %v", code, err)
		}
	}
	query, cookie := l.begin()
	l.code = http.StatusBadGateway
	if _, err := l.finish(query, cookie); !apierror.Is(err, apierror.Unavailable) {
		t.Errorf("a provider that does not work: %v", err)
	}
	t.Run("a provider that says who it is in its response", func(t *testing.T) {
		l := newLiar(t, nil)
		l.more = map[string]any{"authorization_response_iss_parameter_supported": true}
		query, cookie := l.begin()
		if _, err := l.finish(query, cookie); !apierror.Is(err, apierror.Unauthenticated) {
			t.Errorf("without: %v", err)
		}
		query, cookie = l.begin()
		if _, err := l.finish(with(query, "iss", l.URL), cookie); err != nil {
			t.Errorf("with: %v", err)
		}
	})
	t.Run("a provider that is away", func(t *testing.T) {
		l := newLiar(t, nil)
		l.Respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		for range 3 {
			if _, _, err := l.provider.Begin(t.Context(), "/", ""); !apierror.Is(err, apierror.Unavailable) {
				t.Error(err)
			}
		}
		if n := l.Requests(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// TestAttackReturnTo: a path that could lead elsewhere is none. Mutations: without HasPrefix "//"; without the backslash; without Host.
func TestAttackReturnTo(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/drifts": true, "/drifts/1?x=y#z": true, "/a//b": true, "/a:b@c": true,
		"": false, "drifts": false, "//evil.example": false, "///evil.example": false, "/\\evil.example": false, "\\\\evil.example": false,
		"https://evil.example": false, "https:/evil.example": false, "javascript:alert(1)": false, "/a\nb": false, "/a\tb": false, "\u0020/a": false, "/\x00": false,
		"/é": false, "/%zz": false, "/" + strings.Repeat("x", 500): false, "@evil.example": false, ".evil.example": false,
	} {
		if got := LocalPath(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestClaims_list(t *testing.T) {
	c := claims{
		"roles": []any{"a", 1, "b"}, "groups": "one", "https://acme.example/roles": []any{"url"}, "realm_access": map[string]any{"roles": []any{"deep"}},
	}
	for name, want := range map[string]string{"roles": "a b", "groups": "one", "https://acme.example/roles": "url", "realm_access.roles": "deep", "realm_access.x.y": "", "none": ""} {
		if got := strings.Join(c.list(name), " "); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
