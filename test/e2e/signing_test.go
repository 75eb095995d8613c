package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestSigning_steps: an installation goes from JWT_SECRET to Ed25519 in three steps, each a roll-out, so that replicas of two
// neighbouring steps serve side by side. A token of either opens both services of either, and so does the oldest token that is still
// in use.
//
// Mutations: JWT_PRIVATE_KEY one step earlier, and realtime of step 0 refuses its tokens; without JWT_SECRET one step earlier, and a
// token of step 1 is refused.
func TestSigning_steps(t *testing.T) {
	private, public, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	base := slices.DeleteFunc(replica.Environ(pgtest.DSN(t), slices.Concat(replica.Unhurried, unlimited)...), func(v string) bool {
		return strings.HasPrefix(v, "JWT_")
	})
	const secret = "JWT_SECRET=the-secret-of-the-steps-0123456789"
	accepted, signs := "JWT_PUBLIC_KEY="+public, "JWT_PRIVATE_KEY="+private
	steps := []struct{ api, realtime []string }{
		{[]string{secret}, []string{secret}},
		{[]string{secret, accepted}, []string{secret, accepted}},
		{[]string{secret, accepted, signs}, []string{secret, accepted}},
		{[]string{accepted, signs}, []string{accepted}},
	}
	const email, password = "engineer@acme.example", "correct horse battery"
	if err := replica.CreateUser(t.Context(), programs.API, base, account, email, "engineer", password); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	serve := func(name, program string, environ []string) *replica.Replica {
		r, err := replica.New(dir, name, program, append(slices.Clone(base), environ...))
		if err != nil {
			t.Fatal(err)
		}
		replica.Run(t, r)
		return r
	}
	var apis, realtimes []*replica.Replica
	for i, step := range steps {
		apis = append(apis, serve(fmt.Sprintf("api-%d", i), programs.API, step.api))
		realtimes = append(realtimes, serve(fmt.Sprintf("realtime-%d", i), programs.Realtime, step.realtime))
	}
	for _, r := range slices.Concat(apis, realtimes) {
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}

	me := func(of int, bearer string) int {
		p := &pair{t: t, apiURL: apis[of].URL()}
		return p.client(bearer).get(ctx, "/api/v1/users/me").status
	}
	signers := make([]string, len(steps))
	for i, r := range apis {
		p := &pair{t: t, apiURL: r.URL(), users: map[string]user{"engineer": {email, password}}}
		signers[i] = p.signIn("engineer").token
	}
	for signer, bearer := range signers {
		for at := max(signer-1, 0); at <= min(signer+1, len(steps)-1); at++ {
			if status := me(at, bearer); status != http.StatusOK {
				t.Errorf("api of step %d answers %d to a token of step %d", at, status, signer)
			}
			dial(t, strings.Replace(realtimes[at].URL(), "http://", "ws://", 1)+"/ws", bearer, "", "drifts")
		}
	}
	if status := me(2, signers[0]); status != http.StatusOK {
		t.Errorf("api of step 2 answers %d to a token of the time before", status)
	}
	if status := me(3, signers[0]); status != http.StatusUnauthorized {
		t.Errorf("api of the last step answers %d to a token of the secret that it no longer has", status)
	}
	if status := me(0, signers[3]); status != http.StatusUnauthorized {
		t.Errorf("api that has only the secret answers %d to a token of Ed25519", status)
	}
}
