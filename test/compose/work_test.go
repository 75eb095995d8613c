//go:build compose

package compose

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
	"github.com/driftsentry/driftsentry/test/internal/watcher"
)

const (
	email    = "admin@acme.example"
	password = "the-password-of-the-compose-test"
	plan     = "services/api/internal/plan/testdata/plans/refresh_only_tf1.11.4.json"
)

// worked is for what needs a user and a decision: it makes them where no subtest before has.
func (s *installation) worked(t *testing.T) {
	t.Helper()
	if s.drift == "" {
		s.work(t)
	}
}

// work is DriftSentry's main scenario, once: CI sends a plan, a user approves a drift, and a socket gets both events.
func (s *installation) work(t *testing.T) {
	t.Helper()
	create := s.command(t.Context(), "exec", "-T", "api", "api", "user", "create", "--account", "acme", "--email", email,
		"--name", "Admin", "--role", "admin", "--password-stdin")
	create.Stdin = strings.NewReader(password)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("user create: %v\n%s", err, out)
	}
	admin := s.signIn(t)
	var created struct{ Key string }
	if err := admin.Post(t.Context(), "/api/v1/api-keys", map[string]string{"name": "CI", "scope": "ingest"}, &created); err != nil {
		t.Fatal(err)
	}
	events, _ := s.watch(t)

	text, err := os.ReadFile(whole(t, plan))
	if err != nil {
		t.Fatal(err)
	}
	var ingested struct{ Drifts []drift }
	pipeline := apiclient.Client{Base: s.base(), Token: created.Key}
	if err := pipeline.Post(t.Context(), "/api/v1/ingest/plan?workspace=production", text, &ingested); err != nil {
		t.Fatal(err)
	}
	if len(ingested.Drifts) == 0 {
		t.Fatal("the plan had no drift")
	}
	await(t, events, "check.completed")
	s.drift = ingested.Drifts[0].ID
	s.approve(t, admin)
	await(t, events, "drift.approved")
}

type drift struct{ ID, Status string }

func (s *installation) signIn(t *testing.T) apiclient.Client {
	t.Helper()
	c := apiclient.Client{Base: s.base()}
	session, err := c.SignIn(t.Context(), email, password)
	if err != nil {
		t.Fatal(err)
	}
	c.Token = session.AccessToken
	return c
}

func (s *installation) approve(t *testing.T, c apiclient.Client) {
	t.Helper()
	if err := c.Post(t.Context(), "/api/v1/drifts/"+s.drift+"/approve", map[string]string{"reason": "agreed with the network team"}, nil); err != nil {
		t.Fatal(err)
	}
}

// watch follows the account's events through the edge until the test ends; notes are what happens to the connection.
func (s *installation) watch(t *testing.T) (events, notes <-chan string) {
	t.Helper()
	follows, types, happened := make(chan struct{}, 100), make(chan string, 100_000), make(chan string, 100)
	w := watcher.Watcher{
		API: apiclient.Client{Base: s.base()}, SocketURL: strings.Replace(s.base(), "http", "ws", 1) + "/ws",
		Email: email, Password: password, Topics: []string{"drifts", "alerts", "checks"},
		Ready: func() { follows <- struct{}{} },
		Note:  func(note string) { happened <- note },
		Event: func(f watcher.Frame) {
			var e struct{ Type, Traceparent string }
			_ = json.Unmarshal(f.Event, &e)
			if e.Type == "drift.approved" {
				s.trace = strings.Split(e.Traceparent+"--", "-")[1]
			}
			types <- e.Type
		},
	}
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		leave()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	await(t, follows, struct{}{})
	return types, happened
}

// await reads until what is wanted comes.
func await[T comparable](t *testing.T, from <-chan T, want T) {
	t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		select {
		case got := <-from:
			if got == want {
				return
			}
		case <-patience:
			t.Fatalf("%v did not come", want)
		}
	}
}
