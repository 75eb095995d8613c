package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAuthError_reason: a client learns why it is refused, in the body and in the challenge. Mutations: over that looks at the
// session before the user; a refusal of one reason with the text of another.
func TestAuthError_reason(t *testing.T) {
	api := apitest.Start(t)
	revoked, deactivated, ended := api.NewUser("acme", identity.Viewer), api.NewUser("acme", identity.Viewer), api.NewUser("acme", identity.Viewer)
	api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": revoked.Refresh}).Want(200)
	api.Admin.Do(http.MethodPatch, "/api/v1/users/"+deactivated.User.ID.String(), map[string]bool{"isActive": false}).Want(200)
	if _, err := api.DB.Exec(t.Context(), "update session set expires_at = now() - interval '1 minute' where user_id = @user", pg.Args{"user": ended.User.ID}); err != nil {
		t.Fatal(err)
	}
	key := func(change string) *apitest.Client {
		var made struct {
			Key    string
			APIKey struct{ ID string }
		}
		api.Admin.Post("/api/v1/api-keys", map[string]string{"name": "x", "scope": "ingest"}).Want(201).Decode(&made)
		if _, err := api.DB.Exec(t.Context(), "update api_key set "+change+" where id = @id", pg.Args{"id": made.APIKey.ID}); err != nil {
			t.Fatal(err)
		}
		return api.With(made.Key)
	}
	me := func(c *apitest.Client) *apitest.Response { return c.Get("/api/v1/users/me") }
	for name, c := range map[string]struct {
		a      *apitest.Response
		reason string
	}{
		"no token":                   {me(api.Anonymous), "missing"},
		"another scheme":             {api.Anonymous.Wrong().Get("/api/v1/users/me", "Authorization", "Basic eDp5"), "invalid"},
		"a token that is not ours":   {me(api.With("x.y.z")), "invalid"},
		"an expired token":           {me(api.Expired(api.Viewer)), "expired"},
		"a session that has ended":   {me(revoked), "revoked"},
		"a session that has expired": {me(ended), "expired"},
		"a deactivated user":         {me(deactivated), "deactivated"},
		"a wrong password":           {login(api, api.Viewer.User.Email, "not the password"), "credentials"},
		"an unknown refresh token":   {refresh(api, "dsr_unknown"), "invalid"},
		"its session has ended":      {refresh(api, revoked.Refresh), "revoked"},
		"its session has expired":    {refresh(api, ended.Refresh), "expired"},
		"its user is deactivated":    {refresh(api, deactivated.Refresh), "deactivated"},
		"an unknown setup token":     {api.Anonymous.Post("/api/v1/auth/password", map[string]string{"token": "dss_x", "newPassword": "a good long one"}), "invalid"},
		"a wrong current password":   {api.Viewer.Post("/api/v1/auth/password", map[string]string{"currentPassword": "not the password", "newPassword": "a good long one"}), "credentials"},
		"a key that was revoked":     {me(key("revoked_at = now()")), "revoked"},
		"a key that has expired":     {me(key("expires_at = now() - interval '1 minute'")), "expired"},
		"a key that is not there":    {me(key("hash = sha256('another')")), "invalid"},
	} {
		challenge := `Bearer error="invalid_token", error_description="` + c.reason + `"`
		if c.reason == "missing" || c.reason == "credentials" {
			challenge = "Bearer"
		}
		if c.a.Status != http.StatusUnauthorized || c.a.Error.Details == nil || c.a.Error.Details.Reason != c.reason || c.a.Header.Get("WWW-Authenticate") != challenge {
			t.Errorf("%s: %d %s (%q), want the reason %s", name, c.a.Status, c.a.Body, c.a.Header.Get("WWW-Authenticate"), c.reason)
		}
	}
}

func login(api *apitest.API, email, password string) *apitest.Response {
	return api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": email, "password": password})
}

// TestAuthenticate_leeway: a replica whose clock is behind, or ahead, accepts what another has signed. Mutation: no WithLeeway.
func TestAuthenticate_leeway(t *testing.T) {
	api := apitest.Start(t)
	for name, off := range map[string]time.Duration{"ahead": token.Leeway - 10*time.Second, "behind": 10*time.Second - token.Leeway} {
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(api.Viewer.Bearer, &claims); err != nil {
			t.Fatal(err)
		}
		claims["iat"], claims["nbf"] = time.Now().Add(off).Unix(), time.Now().Add(off).Unix()
		if off < 0 {
			claims["exp"] = time.Now().Add(off).Unix()
		}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(apitest.JWTSecret))
		if err != nil {
			t.Fatal(err)
		}
		if a := api.With(signed).Get("/api/v1/users/me"); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// TestCORS_headers: SDKs of Sentry and OpenTelemetry in a page do not break its requests, and a page can read what it needs.
// Mutations: a header left out of either list.
func TestCORS_headers(t *testing.T) {
	api := apitest.Start(t)
	a := api.Anonymous.Wrong().Do(http.MethodOptions, "/api/v1/drifts", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "GET",
		"Access-Control-Request-Headers", "authorization,baggage,idempotency-key,if-none-match,sentry-trace,traceparent")
	if got := a.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, "baggage") || !strings.Contains(got, "sentry-trace") || !strings.Contains(got, "if-none-match") {
		t.Errorf("allowed: %d %q", a.Status, got)
	}
	a = api.Anonymous.Get("/api/v1/drifts", "Origin", "https://app.example", "baggage", "sentry-release=1", "sentry-trace", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")
	exposed := strings.ToLower(a.Header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"date", "etag", "www-authenticate", "retry-after", "x-correlation-id"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
	if strings.HasPrefix(a.Correlation(), "4bf92f35") {
		t.Error("sentry-trace decided the trace")
	}
}

// TestHead: HEAD works wherever GET does, with the headers of GET. Mutation: Router without GetHead.
func TestHead(t *testing.T) {
	api := apitest.Start(t)
	paths := []string{"/health/live", "/health/ready", "/health/detailed", "/metrics", "/api/v1/workspaces/a%2Fb"}
	for _, rt := range httpapi.Routes() {
		if rt.Method == http.MethodGet {
			paths = append(paths, strings.NewReplacer("{id}", api.Account.String(), "{name}", "w").Replace(rt.Path))
		}
	}
	for _, path := range paths {
		get, head := api.Admin.Wrong().Get(path), api.Admin.Wrong().Do(http.MethodHead, path, nil)
		if head.Status != get.Status || len(head.Body) != 0 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || head.Header.Get("X-Content-Type-Options") == "" {
			t.Errorf("%s: GET %d, HEAD %d %v", path, get.Status, head.Status, head.Header)
		}
	}
	if a := api.Admin.Do(http.MethodDelete, "/api/v1/drifts", nil); a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %d %q", a.Status, a.Header.Get("Allow"))
	}
}
