package identity_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// newcomer is a user without a password.
type newcomer struct {
	id           uuid.UUID
	email, token string
}

func newNewcomer(t *testing.T, api *apitest.API) newcomer {
	t.Helper()
	user, setup, err := api.Identity.Bootstrap(t.Context(), "acme", uuid.NewString()+"@acme.example", "New", identity.Viewer, "")
	if err != nil {
		t.Fatal(err)
	}
	return newcomer{user.ID, user.Email, setup.Token}
}

// another is one more setup token of the user.
func (n newcomer) another(t *testing.T, api *apitest.API) string {
	t.Helper()
	another := token.NewOpaque(token.SetupPrefix)
	exec(t, api, "insert into setup_token (hash, user_id, expires_at) values ($1, $2, now() + interval '1 hour')", token.Hash(another), n.id)
	return another
}

func exec(t *testing.T, api *apitest.API, sql string, args ...any) {
	t.Helper()
	if _, err := api.DB.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, api *apitest.API, sql string, args ...any) int {
	t.Helper()
	return pgtest.Value[int](t, api.DB, "select count(*) "+sql, args...)
}

func setPassword(c *apitest.Client, setup, password string) *apitest.Response {
	return c.Post("/api/v1/auth/password", map[string]string{"token": setup, "newPassword": password})
}

// late is the database with something that happens when what was read has been judged, and nothing was written yet.
type late struct {
	identity.Store
	happens func()
}

func (l late) InTx(ctx context.Context, name string, fn func(context.Context, identity.Tx) error) error {
	l.happens()
	return l.Store.InTx(ctx, name, fn)
}

func newLate(t *testing.T, api *apitest.API, happens func()) *identity.Service {
	t.Helper()
	keys, err := token.NewKeys(apitest.DataKey, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := identity.New(identity.Config{
		Store: late{postgres.NewIdentityStore(api.DB), happens}, Access: token.NewAccess(apitest.JWTSecret, "", time.Minute), Keys: keys,
		RefreshExpiry: time.Hour, SessionMaxAge: time.Hour, Hashing: &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16},
		Meter: noop.NewMeterProvider().Meter(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A setup token that does not hold is refused before a hash is made, and, when it ceases to hold just then, by the
// transaction. Mutations: each of the three conditions of SetupPassword left out; the hash made before them;
// UseSetupToken without used_at, or without expires_at; SetPassword without is_active.
func TestService_SetupPassword_refused(t *testing.T) {
	api := apitest.Start(t)
	messages := map[string]bool{setPassword(api.Anonymous, token.NewOpaque(token.SetupPrefix), "a password").Want(401).Error.Message: true}
	for name, end := range map[string]string{
		"expired":               "update setup_token set expires_at = now() where user_id = $1",
		"used":                  "update setup_token set used_at = now() where user_id = $1",
		"of a deactivated user": "update app_user set is_active = false where id = $1",
	} {
		nothingDone := func(t *testing.T, n newcomer) {
			t.Helper()
			if count(t, api, "from app_user where id = $1 and password_hash is not null", n.id) != 0 {
				t.Error("the password is set")
			}
			if count(t, api, "from audit where action = 'password.changed' and subject = $1", n.email) != 0 {
				t.Error("it is audited")
			}
		}
		t.Run(name, func(t *testing.T) {
			n := newNewcomer(t, api)
			exec(t, api, end, n.id)
			free := api.Identity.Busy() // A hash at this time gives another error.
			a := setPassword(api.Anonymous, n.token, "a password")
			free()
			if a.Status != http.StatusUnauthorized {
				t.Errorf("%d: %s", a.Status, a.Body)
			}
			messages[a.Error.Message] = true
			nothingDone(t, n)
		})
		t.Run(name+" meanwhile", func(t *testing.T) {
			n := newNewcomer(t, api)
			service := newLate(t, api, func() { exec(t, api, end, n.id) })
			err := service.SetupPassword(t.Context(), n.token, "a password")
			nothingDone(t, n)
			if !apierror.Is(err, apierror.Unauthenticated) {
				t.Fatalf("err = %v", err)
			}
			messages[apierror.From(err).Message] = true
		})
	}
	if len(messages) != 1 {
		t.Errorf("messages tell the reasons apart: %v", messages)
	}
}

// Who has a password needs no setup token any more, and others need theirs. Mutations of UseSetupToken: the second
// statement left out; without its user.
func TestService_SetupPassword_spends(t *testing.T) {
	api := apitest.Start(t)
	n, neighbour := newNewcomer(t, api), newNewcomer(t, api)
	another := n.another(t, api)
	setPassword(api.Anonymous, n.token, apitest.Password).Want(200)
	setPassword(api.Anonymous, another, "another password").Want(401)
	setPassword(api.Anonymous, n.token, "another password").Want(401)
	api.SignIn(n.email)
	setPassword(api.Anonymous, neighbour.token, apitest.Password).Want(200)
	api.SignIn(neighbour.email)
}

// A password that the operator set is no longer the first one: a setup token that another person may have no longer
// sets another. (Tried: ResetPassword without SpendSetupTokens, and that without its user.)
func TestService_ResetPassword_spends(t *testing.T) {
	api := apitest.Start(t)
	n, neighbour := newNewcomer(t, api), newNewcomer(t, api)
	if _, err := api.Identity.ResetPassword(t.Context(), n.email, apitest.Password); err != nil {
		t.Fatal(err)
	}
	setPassword(api.Anonymous, n.token, "another password").Want(401)
	api.SignIn(n.email)
	setPassword(api.Anonymous, neighbour.token, apitest.Password).Want(200)
}

// Of two who use a setup token at once, or two of a user, one wins, though both have been told that it holds. Mutations
// of UseSetupToken: without used_at; for two tokens, the second statement left out.
func TestService_SetupPassword_at_once(t *testing.T) {
	api := apitest.Start(t)
	for name, two := range map[string]func(newcomer) [2]string{
		"one token":  func(n newcomer) [2]string { return [2]string{n.token, n.token} },
		"two tokens": func(n newcomer) [2]string { return [2]string{n.token, n.another(t, api)} },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNewcomer(t, api)
			var both, ended sync.WaitGroup
			both.Add(2)
			service := newLate(t, api, func() {
				both.Done()
				both.Wait()
			})
			passwords := [2]string{"the one's password", "the other's password"}
			var errs [2]error
			for i, setup := range two(n) {
				ended.Go(func() { errs[i] = service.SetupPassword(t.Context(), setup, passwords[i]) })
			}
			ended.Wait()
			won := 0
			if errs[0] != nil {
				won = 1
			}
			if errs[won] != nil || !apierror.Is(errs[1-won], apierror.Unauthenticated) {
				t.Fatalf("%v and %v, want one to win and one to be refused", errs[0], errs[1])
			}
			for i, status := range map[int]int{won: http.StatusOK, 1 - won: http.StatusUnauthorized} {
				api.Anonymous.Post("/api/v1/auth/login", map[string]string{"email": n.email, "password": passwords[i]}).Want(status)
			}
			if c := count(t, api, "from audit where action = 'password.changed' and subject = $1", n.email); c != 1 {
				t.Errorf("%d audit rows, want 1", c)
			}
		})
	}
}
