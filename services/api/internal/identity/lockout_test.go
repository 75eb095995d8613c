package identity_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// signIn tries to sign in from an address, which the tests' proxy forwards.
func signIn(api *apitest.API, from, email, password string) *apitest.Response {
	return api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": email, "password": password}, "X-Forwarded-For", from)
}

const proxied = "TRUSTED_PROXIES=127.0.0.0/8"

// TestAttackLockout: a stranger who knows an email cannot keep its user from signing in where that user did before, from however many
// addresses, and gets few guesses at both replicas together. What is limited costs no hash.
//
// Mutations: the limit by email alone; the limit elsewhere for known networks too; no limit elsewhere; failures that are not
// counted in the database; the limit of addresses after the password was compared.
func TestAttackLockout(t *testing.T) {
	const home, limit = "203.0.113.7", 6
	environ := []string{"RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_EMAIL=3", fmt.Sprint("RATE_LIMIT_LOGIN_ELSEWHERE=", limit), proxied}
	api := apitest.Start(t, environ...)
	other := apitest.StartOn(t, api.DSN, environ...)
	var hashes int
	for _, replica := range []*apitest.API{api, other} {
		replica.Identity.OnCompare(func(string) { hashes++ })
	}
	user, nobody := api.Viewer.User.Email, "nobody@acme.example"
	signIn(api, home, user, apitest.Password).Want(http.StatusOK)

	for _, email := range []string{user, nobody} { // The same for both: it tells nothing about who has an account.
		hashes = 0
		var statuses []int
		for i := range 4 * limit {
			replica := []*apitest.API{api, other}[i%2]
			a := signIn(replica, fmt.Sprintf("198.51.100.%d", i/2), email, "wrong password")
			statuses = append(statuses, a.Status)
			if (a.Status == http.StatusUnauthorized) != (i < limit) {
				t.Fatalf("%s: attempt %d: %d %s", email, i, a.Status, a.Body)
			}
		}
		if hashes != limit {
			t.Errorf("%s: %d hashes for %v", email, hashes, statuses)
		}
	}
	signIn(api, "198.51.100.99", user, apitest.Password).Want(http.StatusTooManyRequests)
	for range 2 {
		signIn(other, home, user, "wrong password").Want(http.StatusUnauthorized)
		signIn(other, home, user, apitest.Password).Want(http.StatusOK)
	}
	t.Run("one address locks out itself alone", func(*testing.T) {
		engineer := api.Engineer.User.Email
		signIn(api, home, engineer, apitest.Password).Want(http.StatusOK)
		for range 3 {
			signIn(api, "198.51.100.1", engineer, "wrong password").Want(http.StatusUnauthorized)
		}
		hashes = 0
		signIn(api, "198.51.100.1", engineer, apitest.Password).Want(http.StatusTooManyRequests)
		if hashes != 0 {
			t.Error("what is limited costs a hash")
		}
		signIn(api, home, engineer, apitest.Password).Want(http.StatusOK)
		signIn(api, "198.51.100.2", engineer, apitest.Password).Want(http.StatusOK)
	})
}
