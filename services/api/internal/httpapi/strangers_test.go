package httpapi_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

const proxied = "TRUSTED_PROXIES=127.0.0.0/8"

// TestAttackSignInMemory: strangers can't make us keep what they send. Mutation: the email is checked after the limiter, whose
// response to the second attempt is then a 429.
func TestAttackSignInMemory(t *testing.T) {
	api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_LOGIN_PER_ADDRESS=100000", "RATE_LIMIT_REQUESTS=1000000", "RATE_LIMIT_LOGIN_PER_EMAIL=1")
	heap := func() uint64 {
		var m runtime.MemStats
		for range 2 { // The first one frees what pools hold.
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const attempts, size = 60, 1 << 20
	body := func(i int) []byte {
		email := fmt.Sprintf("%d%s@acme.example", i, strings.Repeat("x", size-1000))
		return []byte(fmt.Sprintf(`{"email":%q,"password":"a password"}`, email))
	}
	stranger := api.Anonymous.Wrong()
	for range 2 {
		stranger.Post("/api/v1/auth/login", body(0)).Want(http.StatusBadRequest)
	}
	before := heap()
	for i := range attempts {
		stranger.Post("/api/v1/auth/login", body(i)).Want(http.StatusBadRequest)
	}
	after := heap()
	if after > before+attempts*size/4 {
		t.Errorf("%d attempts of 1 MiB leave %d KiB", attempts, (after-before)>>10)
	}
	t.Logf("tried: %d sign-ins of 1 MiB, which leave %d KiB", attempts, (int64(after)-int64(before))>>10)
}

// TestAttackLongNames: an error does not repeat the megabyte that it is about, neither in the response nor where the last errors are
// remembered. Mutation: fieldName without short.
func TestAttackLongNames(t *testing.T) {
	api := apitest.Start(t)
	const most = 2048
	long := strings.Repeat("x", 1<<19)
	for path, body := range map[string]string{
		"/api/v1/auth/login": `{"` + long + `":1}`, "/api/v1/drifts": `{"` + long + `":1}`, "/api/v1/alerts/mark-all-read?" + long[:10_000] + "=1": `{}`,
		"/api/v1/users": `{"role":{"` + long + `":1}}`, "/api/v1/drifts/" + long[:10_000] + "/approve": `{}`,
	} {
		if a := api.Admin.Wrong().Post(path, []byte(body)); a.Status != http.StatusBadRequest || len(a.Body) > most {
			t.Errorf("%.40s: %d, %d bytes", path, a.Status, len(a.Body))
		}
	}
	if a := api.Admin.Get("/api/v1/ops/errors").Want(http.StatusOK); len(a.Body) > 10*most {
		t.Errorf("the last errors have %d bytes", len(a.Body))
	}
}

// TestAttackRefusedRequests: an address gets so many refusals a minute on guarded routes, for whatever reason, and others with
// good credentials at the same address are not concerned. Probes are never refused. Mutation: no limit of refused requests.
func TestAttackRefusedRequests(t *testing.T) {
	const limit = 20
	api := apitest.Start(t, "RATE_LIMIT_ENABLED=true", fmt.Sprint("RATE_LIMIT_REQUESTS=", limit), proxied)
	revoked := api.NewUser("acme", identity.Viewer)
	api.Anonymous.Post("/api/v1/auth/logout", map[string]string{"refreshToken": revoked.Refresh}).Want(http.StatusOK)
	for name, c := range map[string]struct {
		from   string
		caller *apitest.Client
	}{
		"no token": {"198.51.100.1", api.Anonymous}, "a wrong token": {"198.51.100.2", api.With("wrong").Wrong()},
		"an expired token": {"198.51.100.3", api.Expired(api.Viewer)}, "a revoked session": {"198.51.100.4", revoked},
		"one of a site": {"2001:db8:1:1::1", api.Anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range limit + 5 {
				want := http.StatusUnauthorized
				if i >= limit {
					want = http.StatusTooManyRequests
				}
				if a := c.caller.Get("/api/v1/users/me", "X-Forwarded-For", c.from); a.Status != want {
					t.Fatalf("request %d: %d %s", i, a.Status, a.Body)
				}
			}
			api.Engineer.Get("/api/v1/users/me", "X-Forwarded-For", c.from).Want(http.StatusOK)
			for range 2 * limit {
				api.Anonymous.Get("/health/ready", "X-Forwarded-For", c.from).Want(http.StatusOK)
			}
		})
	}
}
