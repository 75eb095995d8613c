package oidctest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The client of the provider.
const (
	ClientID     = "driftsentry"
	ClientSecret = "the-client-secret-of-the-tests"
)

// Person is someone whom the provider knows.
type Person struct {
	storage.User
	Roles any // the claim "roles"; nil leaves it out
}

// Provider is an identity provider: the server of zitadel/oidc, with a page to sign in that asks nothing.
type Provider struct {
	URL string
	*storage.Storage

	mu     sync.Mutex
	people map[string]*Person
	// current signs in when a browser comes.
	current string
	// inToken puts all claims into the ID token; without, most are in the user info alone.
	inToken   bool
	away      bool
	redirects []string
	signedOut string
}

// NewProvider starts a provider that sends people back to redirect, and after a sign-out to signedOut.
func NewProvider(t testing.TB, redirect, signedOut string) *Provider {
	t.Helper()
	p := &Provider{people: map[string]*Person{}, inToken: true, redirects: []string{redirect}, signedOut: signedOut}
	var handler http.Handler
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		away := p.away
		p.mu.Unlock()
		if away {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	p.Storage = storage.NewStorageWithClients(p, map[string]*storage.Client{ClientID: storage.WebClient(ClientID, ClientSecret, redirect)})
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, DefaultLogoutRedirectURI: "/signed-out"}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		t.Fatal(err)
	}
	provider, err := op.NewProvider(config, p, op.StaticIssuer(p.URL), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login/username", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		name := p.current
		p.mu.Unlock()
		id := r.FormValue("authRequestID")
		if err := p.CheckUsernamePassword(name, "password", id); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(op.ContextWithIssuer(r.Context(), p.URL), id), http.StatusFound)
	})
	mux.Handle("/", provider)
	handler = mux
	return p
}

// SignsIn makes a person known, who signs in when a browser comes next.
func (p *Provider) SignsIn(person Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	person.Username, person.Password = person.ID, "password"
	p.people[person.ID] = &person
	p.current = person.ID
}

// InToken says whether the ID token has all claims, or only says who it is.
func (p *Provider) InToken(all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inToken = all
}

// Away makes the provider end every connection, or come back.
func (p *Provider) Away(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

// GetUserByID implements storage.UserStore.
func (p *Provider) GetUserByID(id string) *storage.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	if person := p.people[id]; person != nil {
		return &person.User
	}
	return nil
}

// GetUserByUsername implements storage.UserStore.
func (p *Provider) GetUserByUsername(name string) *storage.User { return p.GetUserByID(name) }

// ExampleClientID implements storage.UserStore.
func (p *Provider) ExampleClientID() string { return storage.ServiceUserID }

// client is the service that people sign in to.
type client struct {
	*storage.Client
	inToken   bool
	signedOut string
}

func (c client) PostLogoutRedirectURIs() []string     { return []string{c.signedOut} }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return c.inToken }

// GetClientByClientID implements op.Storage.
func (p *Provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	if _, err := p.Storage.GetClientByClientID(ctx, id); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return client{storage.WebClient(ClientID, ClientSecret, p.redirects...), p.inToken, p.signedOut}, nil
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: the claims of the ID token.
func (p *Provider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := p.Storage.SetUserinfoFromRequest(ctx, info, token, scopes); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inToken {
		p.addRoles(info, token.GetSubject())
	}
	return nil
}

// SetUserinfoFromToken implements op.Storage: the user info.
func (p *Provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := p.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addRoles(info, subject)
	return nil
}

func (p *Provider) addRoles(info *oidc.UserInfo, subject string) {
	if person := p.people[subject]; person != nil && person.Roles != nil {
		info.AppendClaims("roles", person.Roles)
	}
}
