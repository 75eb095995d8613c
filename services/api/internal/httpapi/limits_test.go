package httpapi_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

func TestRateLimits(t *testing.T) {
	login := func(c *apitest.Client, email, password string, headers ...string) *apitest.Response {
		return c.Post("/api/v1/auth/login", map[string]string{"email": email, "password": password}, headers...)
	}
	limited := func(t *testing.T, a *apitest.Response) {
		t.Helper()
		seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if a.Status != http.StatusTooManyRequests || a.Error.Code != "RATE_LIMIT_EXCEEDED" || err != nil || seconds < 1 {
			t.Errorf("%d %s (Retry-After %q)", a.Status, a.Body, a.Header.Get("Retry-After"))
		}
	}
	t.Run("attempts on one email from one address", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_EMAIL=3")
		email := api.Viewer.User.Email
		for range 3 {
			login(api.Anonymous, email, "wrong password").Want(401)
		}
		limited(t, login(api.Anonymous, email, apitest.Password))
		limited(t, login(api.Anonymous, "VIEWER"+email[len("viewer"):], apitest.Password))
		login(api.Anonymous, api.Engineer.User.Email, apitest.Password).Want(200)
	})
	t.Run("a success starts the count again", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_EMAIL=2")
		for range 4 {
			login(api.Anonymous, api.Viewer.User.Email, "wrong password").Want(401)
			login(api.Anonymous, api.Viewer.User.Email, apitest.Password).Want(200)
		}
	})
	t.Run("attempts from one address, on any email", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_ADDRESS=8", "TRUSTED_PROXIES=127.0.0.0/8")
		from := func(address string) *apitest.Response {
			return login(api.Anonymous, "x@acme.example", "wrong password", "X-Forwarded-For", address)
		}
		for i := range 8 {
			login(api.Anonymous, "nobody"+strconv.Itoa(i)+"@acme.example", "wrong password", "X-Forwarded-For", "198.51.100.1").Want(401)
		}
		limited(t, from("198.51.100.1"))
		from("198.51.100.2").Want(401)
	})
	t.Run("a subscriber of IPv6 has many addresses", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_ADDRESS=6", "TRUSTED_PROXIES=127.0.0.0/8")
		from := func(i int, network string) *apitest.Response {
			n := strconv.Itoa(i)
			return login(api.Anonymous, "nobody"+n+"@acme.example", "wrong password", "X-Forwarded-For", network+"::"+n)
		}
		for i := range 6 {
			from(i, "2001:db8:1:1").Want(401)
		}
		limited(t, from(7, "2001:db8:1:1"))
		from(8, "2001:db8:1:2").Want(401)
	})
	t.Run("guesses of the current password", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_EMAIL=2")
		guess := func() *apitest.Response {
			return api.Viewer.Post("/api/v1/auth/password", map[string]string{"currentPassword": "a guess of it", "newPassword": "another one"})
		}
		guess().Want(401)
		guess().Want(401)
		limited(t, guess())
	})
	t.Run("requests of one principal, and of no other", func(t *testing.T) {
		api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_REQUESTS=20")
		var last *apitest.Response
		for range 21 {
			last = api.Viewer.Get("/api/v1/users/me")
		}
		limited(t, last)
		api.Engineer.Get("/api/v1/users/me").Want(200)
		api.Key.Get("/api/v1/users/me").Want(403)
	})
}
