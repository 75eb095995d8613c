package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

const modeHeader = "X-Session-Mode"

// cookieOf is the cookie of a response, or nil.
func cookieOf(t *testing.T, a *apitest.Response) *http.Cookie {
	t.Helper()
	all := (&http.Response{Header: a.Header}).Cookies()
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		t.Errorf("%d cookies", len(all))
	}
	return all[0]
}

// staging is a service whose browsers come over TLS.
func staging(t *testing.T, environ ...string) *apitest.API {
	t.Helper()
	return apitest.Start(t, append([]string{"APP_ENV=staging"}, environ...)...)
}

// Mutations: the refresh token in the response too; the cookie without one of its attributes; the cookie not replaced by a refresh;
// Logout without clear; login without Logout of the old cookie, or with its error for a value that is no token.
func TestCookieMode(t *testing.T) {
	for environment, start := range map[string]func(*testing.T, ...string) *apitest.API{
		"staging": staging, "development": func(t *testing.T, environ ...string) *apitest.API { t.Helper(); return apitest.Start(t, environ...) },
	} {
		t.Run(environment, func(t *testing.T) {
			secure := environment != "development"
			api := start(t, "SESSION_MAX_AGE=2h")
			c := api.NewUser("acme", identity.Viewer)
			check := func(a *apitest.Response) *http.Cookie {
				t.Helper()
				cookie := cookieOf(t, a)
				if cookie == nil || strings.Contains(string(a.Body), "refreshToken") || strings.Contains(string(a.Body), "dsr_") {
					t.Fatalf("%v in %s", cookie, a.Body)
				}
				name := "driftsentry-refresh"
				if secure {
					name = "__Secure-" + name
				}
				if cookie.Name != name || cookie.Path != "/api/v1/auth" || !cookie.HttpOnly || cookie.Secure != secure ||
					cookie.SameSite != http.SameSiteStrictMode || cookie.Domain != "" || cookie.MaxAge < 7000 || cookie.MaxAge > 7200 {
					t.Errorf("%+v", cookie)
				}
				if a.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("Cache-Control is %q", a.Header.Get("Cache-Control"))
				}
				return cookie
			}
			post := func(path string, cookie *http.Cookie, body any) *apitest.Response {
				sent := ""
				if cookie != nil {
					sent = cookie.Name + "=" + cookie.Value
				}
				return api.Anonymous.Post("/api/v1/auth/"+path, body, modeHeader, "cookie", "Cookie", sent)
			}
			first := check(post("login", nil, map[string]string{"email": c.User.Email, "password": apitest.Password}).Want(200))
			var tokens pair
			a := post("refresh", first, nil).Want(200)
			a.Decode(&tokens)
			second := check(a)
			if second.Value == first.Value {
				t.Error("the cookie was not replaced")
			}
			api.With(tokens.AccessToken).Get("/api/v1/users/me").Want(200)
			third := check(post("refresh", first, struct{}{}).Want(200)) // Another tab, or a page that was reloaded.
			if a := post("refresh", nil, nil).Want(401); cookieOf(t, a) != nil || a.Error.Code != "AUTH_ERROR" {
				t.Errorf("%s %v", a.Body, a.Header)
			}
			if a := post("logout", third, nil).Want(200); cookieOf(t, a) == nil || cookieOf(t, a).MaxAge != -1 || cookieOf(t, a).Path != "/api/v1/auth" {
				t.Errorf("%v", a.Header)
			}
			if a := post("refresh", second, nil).Want(401); cookieOf(t, a) != nil {
				t.Errorf("a cookie that is refused is replaced: %v", a.Header)
			}
			api.With(tokens.AccessToken).Get("/api/v1/users/me").Want(401)
			post("logout", nil, nil).Want(200)
			t.Run("a sign-in ends the session of the cookie that it replaces", func(*testing.T) {
				login := map[string]string{"email": c.User.Email, "password": apitest.Password}
				before := check(post("login", nil, login).Want(200))
				after := check(post("login", before, login).Want(200))
				post("refresh", before, nil).Want(401)
				post("refresh", after, nil).Want(200)
				check(post("login", &http.Cookie{Name: after.Name, Value: strings.Repeat("x", 300)}, login).Want(200))
			})
			t.Run("bearer mode stays", func(t *testing.T) {
				a := api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": c.User.Email, "password": apitest.Password}).Want(200)
				var tokens pair
				a.Decode(&tokens)
				if cookieOf(t, a) != nil || tokens.RefreshToken == "" {
					t.Errorf("%s %v", a.Body, a.Header)
				}
				if a := refresh(api, tokens.RefreshToken).Want(200); cookieOf(t, a) != nil {
					t.Errorf("%v", a.Header)
				}
			})
		})
	}
}

// TestAttackCookieFromElsewhere: the cookie alone does nothing. A form or a script of another page, which cannot send the header,
// neither refreshes nor ends the session, a preflight does not allow the header, not even to the origins that may call us, and
// what a browser says comes from elsewhere is refused with the header too. Mutations: the header not required; X-Session-Mode in
// AllowedHeaders of CORS, or AllowCredentials; asked without Check; a token in the body taken in cookie mode, or the cookie in
// bearer mode.
func TestAttackCookieFromElsewhere(t *testing.T) {
	api := staging(t)
	c := api.NewUser("acme", identity.Viewer)
	login := func(headers ...string) *apitest.Response {
		return api.Anonymous.Wrong().Post("/api/v1/auth/login", map[string]string{"email": c.User.Email, "password": apitest.Password}, headers...)
	}
	cookie := cookieOf(t, login(modeHeader, "cookie").Want(200))
	sent := cookie.Name + "=" + cookie.Value
	alive := func(t *testing.T) {
		t.Helper()
		a := api.Anonymous.Post("/api/v1/auth/refresh", nil, modeHeader, "cookie", "Cookie", sent).Want(200)
		sent = cookieOf(t, a).Name + "=" + cookieOf(t, a).Value
	}
	for name, headers := range map[string][]string{
		"without the header":                  {"Cookie", sent},
		"from a page of another site":         {"Cookie", sent, modeHeader, "cookie", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"from a page of a neighbour":          {"Cookie", sent, modeHeader, "cookie", "Sec-Fetch-Site", "same-site", "Origin", "https://grafana.acme.example"},
		"from a page of another origin":       {"Cookie", sent, modeHeader, "cookie", "Origin", "https://evil.example"},
		"from an origin that may call us":     {"Cookie", sent, modeHeader, "cookie", "Origin", "https://app.example"},
		"with another mode":                   {"Cookie", sent, modeHeader, "Cookie"},
		"under the name of development":       {"Cookie", strings.TrimPrefix(sent, "__Secure-"), modeHeader, "cookie"},
		"as a form, which needs no preflight": {"Cookie", sent, "Content-Type", "application/x-www-form-urlencoded"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"refresh", "logout"} {
				a := api.Anonymous.Wrong().Post("/api/v1/auth/"+path, []byte(`{}`), headers...)
				if path == "logout" && name == "under the name of development" {
					a.Want(200) // There is no cookie, and no session to end.
				} else if a.Status < 400 || a.Status >= 500 || cookieOf(t, a) != nil {
					t.Errorf("%s: %d %s %v", path, a.Status, a.Body, a.Header)
				}
				if a.Header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("CORS allows credentials")
				}
			}
			alive(t)
		})
	}
	t.Run("a sign-in is not forced on a visitor", func(t *testing.T) {
		for _, headers := range [][]string{
			{modeHeader, "cookie", "Origin", "https://evil.example"}, {modeHeader, "cookie", "Sec-Fetch-Site", "cross-site"}, {modeHeader, "x"},
		} {
			if a := login(headers...); a.Status < 400 || cookieOf(t, a) != nil {
				t.Errorf("%v: %d %s", headers, a.Status, a.Body)
			}
		}
		login(modeHeader, "cookie", "Sec-Fetch-Site", "same-origin", "Origin", "https://proxy.example").Want(200)
	})
	t.Run("the two modes do not mix", func(t *testing.T) {
		api.Anonymous.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": c.Refresh}, modeHeader, "cookie", "Cookie", sent).Want(400)
		api.Anonymous.Wrong().Post("/api/v1/auth/refresh", struct{}{}, "Cookie", sent).Want(400)
		alive(t)
	})
	t.Run("no preflight allows the header", func(t *testing.T) {
		for _, origin := range []string{"https://app.example", "https://evil.example"} {
			a := api.Anonymous.Do(http.MethodOptions, "/api/v1/auth/refresh", nil, "Origin", origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-session-mode")
			if a.Header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(strings.ToLower(a.Header.Get("Access-Control-Allow-Headers")), "session") {
				t.Errorf("%s: %v", origin, a.Header)
			}
		}
		// The same without the header is allowed, so the question was a right one.
		a := api.Anonymous.Do(http.MethodOptions, "/api/v1/auth/refresh", nil, "Origin", "https://app.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		if a.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
			t.Errorf("%v", a.Header)
		}
	})
}
