// Package apitest runs the whole api service inside a test, on a database of its own, with people to call it. Every
// exchange of its clients is checked against docs/api/openapi.yaml.
//
// A package that uses it needs a TestMain with pgtest.Main.
package apitest

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// The secrets of the service under test, which protect nothing.
const (
	JWTSecret = "the-jwt-secret-of-the-tests-0123456789" //nolint:gosec // See above.
	DataKey   = "the-data-key-of-the-tests-0123456789-"
)

// API is a running service.
type API struct {
	t testing.TB

	URL       string
	DSN       string
	DB        *pg.DB
	Telemetry *telemetrytest.Recorder
	Config    *app.Config
	// Identity makes more users.
	Identity *identity.Service

	// The people of the account "acme". Other is the admin of another account, Nobody has not signed in, and Key is an API
	// key of acme.
	Admin, Engineer, Viewer, Other, Nobody, Key *Client
	Account, OtherAccount                       uuid.UUID
}

// Password is everybody's.
const Password = "correct horse battery"

// cheap makes hashes that take no time.
var cheap = &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16}

// Start runs the service until the test ends. Rate limits are off. The options are further variables, as NAME=value.
func Start(t testing.TB, environ ...string) *API {
	t.Helper()
	return StartOn(t, pgtest.DSN(t), environ...)
}

// StartOn is Start on a database that is there already.
func StartOn(t testing.TB, dsn string, environ ...string) *API {
	t.Helper()
	c, err := app.LoadConfig(append([]string{
		"DATABASE_URL=" + dsn, "JWT_SECRET=" + JWTSecret, "DATA_KEY=" + DataKey, "PORT=0", "SHUTDOWN_DRAIN_DELAY=0s",
		"RATE_LIMIT_ENABLED=false", "CORS_ORIGIN=https://app.example",
		// A busy machine is no failure.
		"REQUEST_TIMEOUT=5m", "DATABASE_CONNECT_TIMEOUT=2m", "DATABASE_ACQUIRE_TIMEOUT=2m", "DATABASE_STATEMENT_TIMEOUT=2m",
		"DATABASE_LOCK_TIMEOUT=2m",
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	a := &API{t: t, DSN: dsn, Config: c, Telemetry: telemetrytest.Start(t)}
	service, err := app.New(t.Context(), app.Options{
		Config: c, Build: process.Build{Version: "0.0.0-test", Commit: "none"}, Telemetry: a.Telemetry.Telemetry, Hashing: cheap,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Identity, a.URL = service.Identity(), "http://"+service.Address().String()

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the service did not end well: %v", err)
		}
	})

	if a.DB, err = pg.Open(t.Context(), c.Service.Database, "test", a.Telemetry); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.DB.Close)
	a.makePeople()
	return a
}

func (a *API) makePeople() {
	a.t.Helper()
	a.Admin = a.NewUser("acme", identity.Admin)
	a.Engineer = a.NewUser("acme", identity.Engineer)
	a.Viewer = a.NewUser("acme", identity.Viewer)
	a.Other = a.NewUser("other", identity.Admin)
	a.Nobody = a.client("")
	a.Account, a.OtherAccount = a.Admin.User.AccountID, a.Other.User.AccountID

	var created struct{ Key string }
	a.Admin.Post("/api/v1/api-keys", map[string]string{"name": "ci", "scope": "ingest"}).Want(201).Decode(&created)
	a.Key = a.client(created.Key)
}

// NewUser makes a user, who has signed in. The email has the role and the account's name in it.
func (a *API) NewUser(account string, role identity.Role) *Client {
	a.t.Helper()
	email := string(role) + "-" + uuid.NewString()[:8] + "@" + account + ".example"
	user, _, err := a.Identity.Bootstrap(a.t.Context(), account, email, "The "+string(role), role, Password)
	if err != nil {
		a.t.Fatal(err)
	}
	c := a.SignIn(email)
	c.User = user
	return c
}

// SignIn opens a session.
func (a *API) SignIn(email string) *Client {
	a.t.Helper()
	var tokens struct{ AccessToken, RefreshToken string }
	a.client("").Post("/api/v1/auth/login", map[string]string{"email": email, "password": Password}).Want(200).Decode(&tokens)
	c := a.client(tokens.AccessToken)
	c.Refresh = tokens.RefreshToken
	return c
}

// With is a client that sends this bearer token.
func (a *API) With(bearer string) *Client { return a.client(bearer) }

// Expired is a client whose access token expired an hour ago, of the same session as c's.
func (a *API) Expired(c *Client) *Client {
	a.t.Helper()
	claims, err := token.NewAccess(JWTSecret, "", time.Minute).Verify(c.Bearer)
	if err != nil {
		a.t.Fatal(err)
	}
	old, err := token.NewAccess(JWTSecret, "", -time.Hour).Sign(claims.UserID, claims.AccountID, claims.SessionID)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.client(old)
}
