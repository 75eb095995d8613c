//go:build compose

package compose

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
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
	pipeline := s.pipeline(t, admin)
	events, _ := s.watch(t)

	text, err := os.ReadFile(whole(t, plan))
	if err != nil {
		t.Fatal(err)
	}
	ingested, err := pipeline.SendPlan(t.Context(), "production", bytes.NewReader(text), client.PlanOptions{})
	if err != nil {
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

// user is a client of a person who is signed in, and their access token, for requests that no client would send.
type user struct {
	*client.Client
	token string
}

func (s *installation) signIn(t *testing.T) user {
	t.Helper()
	c := s.client(t, client.WithPassword(email, password))
	session, err := c.SignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return user{c, session.AccessToken}
}

func (s *installation) client(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(s.base(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pipeline is a client with an API key of its own.
func (s *installation) pipeline(t *testing.T, admin user) *client.Client {
	t.Helper()
	created, err := admin.CreateAPIKey(t.Context(), client.NewAPIKey{Name: "CI", Scope: client.ScopeIngest})
	if err != nil {
		t.Fatal(err)
	}
	// A request that fails is what the tests look for.
	return s.client(t, client.WithAPIKey(created.Key), client.WithRetry(client.Retry{Tries: 1}))
}

func (s *installation) approve(t *testing.T, c user) {
	t.Helper()
	if _, err := c.ApproveDrift(t.Context(), s.drift, client.Decision{Reason: "agreed with the network team"}); err != nil {
		t.Fatal(err)
	}
}

// watch follows the account's events through the edge until the test ends; lost is why events were missing.
func (s *installation) watch(t *testing.T) (events <-chan client.EventType, lost <-chan string) {
	t.Helper()
	follows, types, reasons := make(chan struct{}, 100), make(chan client.EventType, 100_000), make(chan string, 100)
	stream := s.client(t, client.WithPassword(email, password)).Stream(client.StreamOptions{
		OnState: func(s client.State) {
			if s.Phase == client.Live {
				follows <- struct{}{}
			}
		},
		OnResync: func(_ context.Context, r client.Resync) error { reasons <- r.Reason; return nil },
	})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		for e, err := range stream.Events(ctx) {
			if err != nil {
				ended <- err
				return
			}
			if e.Type == client.DriftApproved {
				s.trace = strings.Split(e.Traceparent+"--", "-")[1]
			}
			types <- e.Type
		}
	}()
	t.Cleanup(func() {
		leave()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	await(t, follows, struct{}{})
	return types, reasons
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
