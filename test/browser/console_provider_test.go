package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
)

// TestConsole_provider: the sign-in leads to the identity provider, and back to where the user was going. Mutations: provider left out of
// what the page is told; a link without returnTo.
func TestConsole_provider(t *testing.T) {
	var target atomic.Pointer[httputil.ReverseProxy]
	edge := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { target.Load().ServeHTTP(w, r) }))
	t.Cleanup(edge.Close)
	provider := oidctest.NewProvider(t, edge.URL+"/api/v1/auth/oidc/callback", edge.URL+"/")
	provider.SignsIn(oidctest.Person{User: storage.User{ID: "ada", Email: "ada@acme.example", EmailVerified: true, FirstName: "Ada", LastName: "Lovelace"}, Roles: []string{"sre"}})
	d := startDesk(t, "PUBLIC_URL="+edge.URL, "OUTGOING_CA="+oidctest.CA(), "OIDC_ISSUER="+provider.URL, "OIDC_CLIENT_ID="+oidctest.ClientID,
		"OIDC_CLIENT_SECRET="+oidctest.ClientSecret, "OIDC_ACCOUNT=acme", "OIDC_ROLES=sre=engineer")
	target.Store(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", d.API.Address()
		r.Out.Host = r.In.Host
	}})
	d.report("aws_instance.web", client.Critical)
	p := d.person()
	p.visit(edge.URL + "/workspaces?archived=true")
	p.await("the link", `document.querySelector('.provider a') !== null`)
	p.click(".provider a")
	p.await("where they were going", `location.pathname + location.search === '/workspaces?archived=true' && document.querySelector('.account') !== null`)
	if got := value[string](p, `document.querySelector('.account-role').textContent`); got != "engineer" {
		t.Errorf("they are %q", got)
	}
}
