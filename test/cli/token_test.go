package cli_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
)

const jobSubject = "repo:acme/network:ref:refs/heads/main"

// trusted is a host of CI that the account trusts for this audience.
func (d *desk) trusted(ctx context.Context, t *testing.T, audience string) *oidctest.Issuer {
	t.Helper()
	host := oidctest.NewIssuer(t)
	_, err := d.admin.CreateTrust(ctx, client.NewTrust{Name: "network", Issuer: host.URL, Audience: audience, Subject: "repo:acme/*:**"})
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// gitHubTokens are the variables of a job with the permission id-token: write. The place where GitHub gives out tokens does not work the
// first time.
func gitHubTokens(t *testing.T, host *oidctest.Issuer) []string {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer of-the-job" || r.URL.Query().Get("api-version") != "2":
			w.WriteHeader(http.StatusUnauthorized)
		case asked.Add(1) == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"value": host.Token(r.URL.Query().Get("audience"), jobSubject, nil)})
		}
	}))
	t.Cleanup(server.Close)
	return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + server.URL + "/token?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-job"}
}

// ownToken sends plans without a key, as jobs of GitHub and GitLab. Mutations: no other try at GitHub; the audience not sent; the token
// of GitLab not looked at; the key not before both.
func (d *desk) ownToken(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	send := []string{"send", "-w", "own", "--scope=full"}
	const noKey = "DRIFTSENTRY_API_KEY="
	unknown := oidctest.NewIssuer(t)
	d.run(ctx, t, []string{noKey, "DRIFTSENTRY_ID_TOKEN=" + unknown.Token(d.url, jobSubject, nil)}, text, send...).expect(t, 1, "the trust in the job's token")
	host := d.trusted(ctx, t, d.url)
	d.run(ctx, t, []string{noKey, "DRIFTSENTRY_ID_TOKEN=" + host.Token(d.url, jobSubject, nil)}, text, send...).expect(t, 2, "own: drifted. 4 new")
	d.run(ctx, t, []string{noKey, "DRIFTSENTRY_ID_TOKEN=" + host.Token(d.url, "repo:evil/x:pull_request", nil)}, text, send...).expect(t, 1, "repo:evil/x:pull_request")
	gitHub := append([]string{noKey}, gitHubTokens(t, host)...)
	d.run(ctx, t, gitHub, text, send...).expect(t, 2)
	d.run(ctx, t, append([]string{"DRIFTSENTRY_AUDIENCE=another"}, gitHub...), text, send...).expect(t, 1, "the trust in the job's token")
	d.run(ctx, t, append(gitHub, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=wrong"), text, send...).expect(t, 1, "get the job's token from GitHub: status 401")
	// A key goes before.
	d.run(ctx, t, gitHubTokens(t, unknown), text, send...).expect(t, 2)
}
