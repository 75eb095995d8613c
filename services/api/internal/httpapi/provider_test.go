package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// site is a service behind TLS with an identity provider, as browsers meet them.
type site struct {
	*apitest.API
	t        *testing.T
	url      string
	provider *oidctest.Provider
}

func newSite(t *testing.T, environ ...string) *site {
	t.Helper()
	var target atomic.Pointer[httputil.ReverseProxy]
	edge := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { target.Load().ServeHTTP(w, r) }))
	t.Cleanup(edge.Close)
	s := &site{t: t, url: edge.URL, provider: oidctest.NewProvider(t, edge.URL+"/api/v1/auth/oidc/callback", edge.URL+"/")}
	s.API = apitest.Start(t, append([]string{
		"APP_ENV=staging", "ENABLE_METRICS=false", "PUBLIC_URL=" + edge.URL, "OUTGOING_CA=" + oidctest.CA(), "OIDC_ISSUER=" + s.provider.URL, "OIDC_CLIENT_ID=" + oidctest.ClientID,
		"OIDC_CLIENT_SECRET=" + oidctest.ClientSecret, "OIDC_ACCOUNT=acme", "OIDC_ROLES=platform=admin,sre=engineer,staff=viewer",
	}, environ...)...)
	api, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.Store(httputil.NewSingleHostReverseProxy(api))
	return s
}

// browser keeps cookies, follows redirects as far as to a page of the site, and checks what the site sends.
type browser struct {
	*http.Client
	site *site
}

func (s *site) browser() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(oidctest.CA()))
	plain := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	s.t.Cleanup(plain.CloseIdleConnections)
	b := &browser{&http.Client{Jar: jar}, s}
	b.Transport = byHost{strings.TrimPrefix(s.url, "https://"), spec.Transport(s.t, plain), plain}
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.url) && !strings.HasPrefix(r.URL.Path, "/api/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

type byHost struct {
	host        string
	ours, other http.RoundTripper
}

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == b.host {
		return b.ours.RoundTrip(r)
	}
	return b.other.RoundTrip(r)
}

// open opens an address, and returns the response with its body.
func (b *browser) open(address string) (*http.Response, string) {
	b.site.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.site.url + address
	}
	req, err := http.NewRequestWithContext(b.site.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		b.site.t.Fatal(err)
	}
	res, err := b.Do(req)
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.site.t.Fatal(err)
	}
	return res, string(body)
}

// signIn walks through a sign-in. The status is 303 when it led back to a page.
func (b *browser) signIn(returnTo string) (*http.Response, string) {
	b.site.t.Helper()
	return b.open("/api/v1/auth/oidc/login?returnTo=" + url.QueryEscape(returnTo))
}

// post sends what a page of the site sends in cookie mode.
func (b *browser) post(path string) (*http.Response, []byte) {
	b.site.t.Helper()
	req, err := http.NewRequestWithContext(b.site.t.Context(), http.MethodPost, b.site.url+path, http.NoBody)
	if err != nil {
		b.site.t.Fatal(err)
	}
	req.Header.Set(modeHeader, "cookie")
	res, err := b.Do(req)
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.site.t.Fatal(err)
	}
	return res, body
}

// session asks for an access token, as the page does, and is a client with it.
func (b *browser) session() *apitest.Client {
	b.site.t.Helper()
	res, body := b.post("/api/v1/auth/refresh")
	var tokens struct{ Data struct{ AccessToken string } }
	if err := json.Unmarshal(body, &tokens); err != nil || res.StatusCode != http.StatusOK {
		b.site.t.Fatalf("%d %s", res.StatusCode, body)
	}
	return b.site.With(tokens.Data.AccessToken)
}

func person(id, email string, roles any) oidctest.Person {
	return oidctest.Person{User: storage.User{ID: id, Email: email, EmailVerified: true, FirstName: "Ada", LastName: "Lovelace"}, Roles: roles}
}

type me struct {
	User struct{ ID, Email, Name, Role string }
}

// signedIn signs a person in, who gets a session.
func (s *site) signedIn(p oidctest.Person) (*browser, *apitest.Client, me) {
	s.t.Helper()
	s.provider.SignsIn(p)
	b := s.browser()
	if res, body := b.signIn("/drifts"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != s.url+"/drifts" {
		s.t.Fatalf("%d %v %s", res.StatusCode, res.Header, body)
	}
	c := b.session()
	var who me
	c.Get("/api/v1/users/me").Want(http.StatusOK).Decode(&who)
	return b, c, who
}

// TestProvider_sign_in: who signs in with the provider is a user from then on, with the role that the provider says each time. Mutations:
// takeRole left out, or without endKeys, or without endChannels; NoteProviderSignIn left out; the session before not ended; no record; EndSession empty.
func TestProvider_sign_in(t *testing.T) {
	s := newSite(t)
	ada := person("ada", "ada@acme.example", []string{"staff", "sre"})
	b, c, first := s.signedIn(ada)
	if first.User.Role != "engineer" || first.User.Email != "ada@acme.example" || first.User.Name != "Ada Lovelace" {
		t.Errorf("%+v", first)
	}
	if cookies := b.Jar.Cookies(&url.URL{Scheme: "https", Host: strings.TrimPrefix(s.url, "https://"), Path: "/"}); len(cookies) != 0 {
		t.Errorf("cookies for every path: %v", cookies)
	}

	t.Run("the role is that of the last sign-in", func(t *testing.T) {
		ada.Roles = "platform"
		_, admin, again := s.signedIn(ada)
		if again.User.Role != "admin" || again.User.ID != first.User.ID {
			t.Errorf("%+v", again)
		}
		key, _ := newKey(admin, s.API, nil)
		key.Get("/api/v1/users/me").Want(http.StatusForbidden)
		admin.Post("/api/v1/channels", map[string]string{"name": "hers", "kind": "slack", "url": "https://hooks.invalid/x"}).Want(http.StatusCreated)
		ada.Roles = []string{"staff"}
		_, _, demoted := s.signedIn(ada)
		if demoted.User.Role != "viewer" {
			t.Errorf("%+v", demoted)
		}
		key.Get("/api/v1/users/me").Want(http.StatusUnauthorized)
		if pgtest.Value[bool](t, s.DB, "select enabled from channel where name = 'hers'") {
			t.Error("the channel that she made goes on")
		}
		admin.Get("/api/v1/users").Want(http.StatusForbidden)
		c.Get("/api/v1/users/me").Want(http.StatusOK)
	})
	t.Run("what is only in the user info counts", func(t *testing.T) {
		s.provider.InToken(false)
		defer s.provider.InToken(true)
		if _, _, who := s.signedIn(person("grace", "grace@acme.example", []string{"sre"})); who.User.Role != "engineer" {
			t.Errorf("%+v", who)
		}
	})
	t.Run("the session before ends", func(t *testing.T) {
		s.provider.SignsIn(ada)
		before := b.session()
		if res, body := b.signIn("/"); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		before.Get("/api/v1/users/me").Want(http.StatusUnauthorized)
		b.session().Get("/api/v1/users/me").Want(http.StatusOK)
	})
	t.Run("a provider that is away locks out no user who is signed in", func(*testing.T) {
		s.provider.Away(true)
		defer s.provider.Away(false)
		b.session().Get("/api/v1/drifts").Want(http.StatusOK)
	})
	t.Run("a sign-out leads to the provider's", func(t *testing.T) {
		res, body := b.post("/api/v1/auth/logout")
		var out struct {
			Data *struct{ EndSessionURL string }
		}
		if err := json.Unmarshal(body, &out); err != nil || res.StatusCode != http.StatusOK || out.Data == nil || !strings.HasPrefix(out.Data.EndSessionURL, s.provider.URL) {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		if res, body := b.open(out.Data.EndSessionURL); res.StatusCode != http.StatusFound || res.Header.Get("Location") != s.url+"/" {
			t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
		}
		if res, body := b.post("/api/v1/auth/refresh"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		// A session of a password has no such place.
		if a := s.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": s.Viewer.Refresh}).Want(http.StatusOK); string(a.Data) != "null" {
			t.Errorf("%s", a.Body)
		}
	})
	for action, want := range map[string]int{"user.created": 2, "auth.login": 5, "user.updated": 2} {
		if n := pgtest.Value[int](t, s.DB, "select count(*)::int from audit where action = $1 and subject in ('ada@acme.example', 'grace@acme.example')", action); n != want {
			t.Errorf("%d audit rows of %s, want %d", n, action, want)
		}
	}
	s.Admin.Post("/api/v1/users/"+first.User.ID+"/setup-token", nil).Want(http.StatusConflict)
}

// TestAttackProviderPerson: the provider proves who someone is, and nothing more. Without a role, a verified email and a good standing
// here there is no session, and an email is not enough to be someone's user. Mutations: admit without its role, its verified email or
// its domain; userOf that links always, or without HasIdentity; lockOwn without IsActive; takeRole without errLastDemoted.
func TestAttackProviderPerson(t *testing.T) {
	s := newSite(t, "OIDC_EMAIL_DOMAINS=acme.example,other.example")
	refused := func(name string, p oidctest.Person, status int, says string) {
		t.Helper()
		s.provider.SignsIn(p)
		b := s.browser()
		res, body := b.signIn("/")
		if res.StatusCode != status || !strings.Contains(body, says) || !strings.Contains(body, res.Header.Get("X-Correlation-ID")) {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
		if res, body := b.post("/api/v1/auth/refresh"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: a session: %d %s", name, res.StatusCode, body)
		}
	}
	unverified := person("u", "u@acme.example", "staff")
	unverified.EmailVerified = false
	refused("no role", person("n", "n@acme.example", nil), http.StatusForbidden, "OIDC_ROLES")
	refused("a role of no meaning", person("n", "n@acme.example", []string{"admin", "*", ""}), http.StatusForbidden, "OIDC_ROLES")
	refused("an email that is not verified", unverified, http.StatusForbidden, "not verified")
	refused("another domain", person("d", "d@evil.example", "staff"), http.StatusForbidden, "evil.example")
	refused("no email", person("e", "", "staff"), http.StatusForbidden, "email")
	refused("the email of a user with a password", person("x", s.Viewer.User.Email, "platform"), http.StatusForbidden, "OIDC_LINK_BY_EMAIL")
	refused("the email of a user of another account", person("o", s.Other.User.Email, "platform"), http.StatusForbidden, "there is a user with your email")
	if n := pgtest.Value[int](t, s.DB, "select count(*)::int from user_identity"); n != 0 {
		t.Errorf("%d people are known", n)
	}

	_, c, who := s.signedIn(person("ada", "ada@acme.example", "sre"))
	refused("the email of someone else who came before", person("mallory", "ada@acme.example", "platform"), http.StatusForbidden, "there is a user with your email")
	s.Admin.Do(http.MethodPatch, "/api/v1/users/"+who.User.ID, map[string]any{"isActive": false}).Want(http.StatusOK)
	refused("deactivated", person("ada", "ada@acme.example", "sre"), http.StatusUnauthorized, "deactivated")
	c.Get("/api/v1/users/me").Want(http.StatusUnauthorized)

	t.Run("where emails link", func(t *testing.T) {
		s := newSite(t, "OIDC_LINK_BY_EMAIL=true")
		_, _, linked := s.signedIn(person("v", strings.ToUpper(s.Viewer.User.Email[:1])+s.Viewer.User.Email[1:], "sre"))
		if linked.User.ID != s.Viewer.User.ID.String() || linked.User.Role != "engineer" {
			t.Errorf("%+v", linked)
		}
		for name, p := range map[string]oidctest.Person{
			"someone else with the email": person("w", s.Viewer.User.Email, "platform"),
			"another account's user":      person("o", s.Other.User.Email, "platform"),
			"unverified":                  {User: storage.User{ID: "z", Email: s.Engineer.User.Email}, Roles: "platform"},
			"the last admin with a password, who would be none": person("a", s.Admin.User.Email, "staff"),
		} {
			s.provider.SignsIn(p)
			if res, body := s.browser().signIn("/"); res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d %s", name, res.StatusCode, body)
			}
		}
		s.NewUser("acme", identity.Admin)
		if _, _, demoted := s.signedIn(person("a", s.Admin.User.Email, "staff")); demoted.User.Role != "viewer" {
			t.Errorf("%+v", demoted)
		}
		if n := pgtest.Value[int](t, s.DB, "select count(*)::int from app_user where account_id = $1 and role = 'admin' and is_active and password_hash is not null", s.Account); n != 1 {
			t.Errorf("%d admins with a password", n)
		}
	})
}

// TestAttackProviderBrowser: the callback of one browser does nothing in another, a callback works once, and a sign-in leads to a page of
// this installation alone. Mutations: Finish without its state; LocalPath always true; the cookie without HttpOnly, Secure or Lax; the
// cookie not cleared.
func TestAttackProviderBrowser(t *testing.T) {
	s := newSite(t)
	s.provider.SignsIn(person("mallory", "mallory@acme.example", "staff"))
	attacker, victim := s.browser(), s.browser()
	// The attacker stops before the callback.
	var callback string
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.url) {
			if r.URL.Query().Has("code") {
				callback = r.URL.String()
			}
			return http.ErrUseLastResponse
		}
		return nil
	}
	attacker.signIn("/")
	if !strings.Contains(callback, "code=") {
		t.Fatal(callback)
	}
	for name, b := range map[string]*browser{"a browser that began nothing": victim, "one that began its own": func() *browser {
		b := s.browser()
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		b.signIn("/")
		return b
	}()} {
		if res, body := b.open(callback); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) > 0 && res.Cookies()[0].Name != "__Host-driftsentry-sign-in" {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	if res, body := attacker.open(callback); res.StatusCode != http.StatusSeeOther {
		t.Errorf("what was meant: %d %s", res.StatusCode, body)
	}
	if res, body := attacker.open(callback); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("again: %d %s", res.StatusCode, body)
	}
	b := s.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, _ := b.signIn("/drifts?a=b")
	cookie := res.Cookies()[0]
	if cookie.Name != "__Host-driftsentry-sign-in" || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 600 {
		t.Errorf("%+v", cookie)
	}
	for _, secret := range []string{"drifts", "verifier"} {
		if strings.Contains(cookie.Value, secret) {
			t.Errorf("the cookie shows %s", secret)
		}
	}
	for _, elsewhere := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/a\r\nSet-Cookie: x=y"} {
		if a := s.Anonymous.Wrong().Get("/api/v1/auth/oidc/login?returnTo=" + url.QueryEscape(elsewhere)); a.Status != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", elsewhere, a.Status, a.Header)
		}
	}
	answered, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	if out := s.Telemetry.Output(); strings.Contains(out, answered.Query().Get("code")) || strings.Contains(out, cookie.Value) {
		t.Error("a code or a cookie is in the log")
	}
	t.Run("without a provider", func(t *testing.T) {
		api := apitest.Start(t)
		api.Anonymous.Get("/api/v1/auth/oidc/login").Want(http.StatusNotFound)
		api.Anonymous.Get("/api/v1/auth/oidc/callback").Want(http.StatusNotFound)
	})
}

// asks makes a browser ask for pages, as browsers do.
type asks struct{ http.RoundTripper }

func (a asks) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	return a.RoundTripper.RoundTrip(r)
}

// TestAttackProviderProblem: a person whose sign-in failed comes to the page that says why in a word of ours. Nothing of what the provider or
// an attacker wrote into the callback is in the address; the log has the error with its trace. Mutations: the description, the message or
// `error` in the address; a redirect for programs, or without the console; Elsewhere without SetError.
func TestAttackProviderProblem(t *testing.T) {
	s := newSite(t, "OIDC_EMAIL_DOMAINS=acme.example")
	page := regexp.MustCompile("^" + regexp.QuoteMeta(s.url) + "/sign-in[?]error=([a-z_]+)&trace=([0-9a-f]{32})$")
	codes := regexp.MustCompile(`AUTH_ERROR|FORBIDDEN|SERVICE_UNAVAILABLE|VALIDATION_ERROR`)
	visitor := func() *browser {
		b := s.browser()
		b.Transport = asks{b.Transport}
		return b
	}
	problem := func(name, want string, res *http.Response, body string) {
		t.Helper()
		found := page.FindStringSubmatch(res.Header.Get("Location"))
		if res.StatusCode != http.StatusSeeOther || found == nil || found[1] != want || found[2] != res.Header.Get("X-Correlation-ID") || body != "" {
			t.Errorf("%s: %d %q %q, want %s", name, res.StatusCode, res.Header.Get("Location"), body, want)
			return
		}
		logged := false
		for line := range strings.Lines(s.Telemetry.Output()) {
			logged = logged || strings.Contains(line, found[2]) && codes.MatchString(line)
		}
		if !logged {
			t.Errorf("%s: no line of the log has the trace and a code", name)
		}
	}
	const evil = "evil%26%3Cscript%3E%0d%0aSet-Cookie:%20a=b"
	res, body := visitor().open("/api/v1/auth/oidc/callback?error=" + evil + "&error_description=" + evil + "&state=" + evil)
	problem("a browser that began nothing", "expired", res, body)
	res, body = visitor().open("/api/v1/auth/oidc/callback?error=" + evil + "&state=%zz")
	problem("a query that is none", "failed", res, body)

	began := func() (b *browser, state string) {
		b = visitor()
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, _ := b.signIn("/")
		at, err := url.Parse(res.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return b, url.QueryEscape(at.Query().Get("state"))
	}
	b, _ := began()
	res, body = b.open("/api/v1/auth/oidc/callback?code=x&state=" + evil)
	problem("another state", "other_browser", res, body)
	for code, want := range map[string]string{"access_denied": "not_allowed", evil: "not_confirmed", "server_error": "unavailable"} {
		b, state := began()
		res, body = b.open("/api/v1/auth/oidc/callback?error=" + code + "&error_description=" + evil + "&state=" + state + "&iss=" + url.QueryEscape(s.provider.URL))
		problem(code, want, res, body)
	}
	b, state := began()
	res, body = b.open("/api/v1/auth/oidc/callback?code=" + evil + "&state=" + state + "&iss=" + url.QueryEscape(s.provider.URL))
	problem("a code that is none", "not_confirmed", res, body)

	s.provider.SignsIn(person("d", "d@evil.example", "staff"))
	res, body = visitor().signIn("/")
	problem("a person of another domain", "not_allowed", res, body)
	_, _, who := s.signedIn(person("ada", "ada@acme.example", "sre"))
	s.Admin.Do(http.MethodPatch, "/api/v1/users/"+who.User.ID, map[string]any{"isActive": false}).Want(http.StatusOK)
	res, body = visitor().signIn("/")
	problem("a deactivated user", "deactivated", res, body)
	b, state = began()
	s.provider.Away(true)
	res, body = b.open("/api/v1/auth/oidc/callback?code=x&state=" + state + "&iss=" + url.QueryEscape(s.provider.URL))
	problem("a provider that is away", "unavailable", res, body)

	t.Run("without the console people get JSON", func(t *testing.T) {
		s := newSite(t, "ENABLE_CONSOLE=false")
		b := s.browser()
		b.Transport = asks{b.Transport}
		if res, body := b.open("/api/v1/auth/oidc/callback?state=x"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "AUTH_ERROR") {
			t.Errorf("%d %s", res.StatusCode, body)
		}
	})
}

// TestAttackOwnTokens: tokens of the provider's people are none of ours, and ours are none of CI's. Mutation: recogniseCI before Verify.
func TestAttackOwnTokens(t *testing.T) {
	api, host := trusting(t), oidctest.NewIssuer(t)
	trust(api.Admin, host, map[string]any{"subject": "repo:**"})
	for name, raw := range map[string]string{
		"a token of CI that claims to be ours": host.Token("driftsentry", api.Admin.User.ID.String(), map[string]any{"iss": "driftsentry", "sid": "1", "account": api.Account}),
		"a token of CI for another audience":   host.Token("driftsentry", "repo:acme/network", nil),
	} {
		if a := api.With(raw).Get("/api/v1/users/me"); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	// A good token of CI is no user.
	api.With(host.Token(ciAudience, "repo:acme/network", nil)).Get("/api/v1/users/me").Want(http.StatusForbidden)
}
