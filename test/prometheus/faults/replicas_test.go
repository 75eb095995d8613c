//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// TestReplicas: what docs/scaling.md says of the state that replicas share, and of the state that they don't.
func TestReplicas(t *testing.T) {
	s := start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_REQUESTS=40")
	one, two := s.client(t, s.api[0], s.token), s.client(t, s.api[1], s.token)
	drift := func(resource string) client.DriftReport {
		return client.DriftReport{
			ResourceID: resource, ResourceType: "aws_instance", Region: "eu-west-1",
			ExpectedState: map[string]any{"size": "small"}, ActualState: map[string]any{"size": "large"},
		}
	}
	t.Run("an Idempotency-Key holds on all of them", func(t *testing.T) {
		ctx := client.WithIdempotencyKey(t.Context(), "shared")
		first, err := one.ReportDrift(ctx, drift("aws_instance.shared"))
		if err != nil {
			t.Fatal(err)
		}
		if second, err := two.ReportDrift(ctx, drift("aws_instance.shared")); err != nil || second.ID != first.ID {
			t.Errorf("%v, %v, want %v again", second.ID, err, first.ID)
		}
	})
	t.Run("a list's count is never older than the stream", func(t *testing.T) {
		for i := range 5 {
			before := total(t, two)
			if _, err := one.ReportDrift(t.Context(), drift(fmt.Sprintf("aws_instance.counted[%d]", i))); err != nil {
				t.Fatal(err)
			}
			if after := total(t, two); after != before+1 {
				t.Errorf("%d drifts, after one more than %d", after, before)
			}
		}
	})
	t.Run("a rate limit is each replica's own", func(t *testing.T) {
		for me(t, one) != http.StatusTooManyRequests { // It ends, or the test's time does.
		}
		if got := me(t, two); got != http.StatusOK {
			t.Errorf("the other replica returns %d", got)
		}
	})
	t.Run("a revoked session ends everywhere", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		session, err := s.admin(t, s.api[1]).SignIn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		mine := s.client(t, s.api[1], session.AccessToken, client.WithRealtime(s.realtime[1].URL()))
		if got := me(t, mine); got != http.StatusOK { // It is in that replica's cache now.
			t.Fatalf("status %d", got)
		}
		live, ended := make(chan struct{}), make(chan error, 1)
		stream := mine.Stream(client.StreamOptions{OnState: func(s client.State) {
			if s.Phase == client.Live {
				close(live)
			}
		}})
		go func() {
			for _, err := range stream.Events(ctx) {
				if err != nil {
					ended <- err
				}
			}
			close(ended)
		}()
		select {
		case <-live:
		case err := <-ended:
			t.Fatalf("the socket: %v", err)
		}
		if err := s.client(t, s.api[0], session.AccessToken, client.WithSession(session)).SignOut(ctx); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := <-ended; !client.HasCode(err, client.CodeAuth) {
			t.Errorf("the socket ended with %v", err)
		}
		for me(t, mine) == http.StatusOK && ctx.Err() == nil {
		}
		if ctx.Err() != nil {
			t.Error("the other api still lets it in")
		}
		t.Logf("after %s", time.Since(began).Round(time.Millisecond))
	})
}

// client calls one replica with an access token, and repeats nothing.
func (s *system) client(t *testing.T, r *replica.Replica, token string, options ...client.Option) *client.Client {
	t.Helper()
	return newClient(t, r, append([]client.Option{client.WithSession(client.Session{AccessToken: token})}, options...)...)
}

// admin calls one replica as the admin, whose session is yet to be opened.
func (s *system) admin(t *testing.T, r *replica.Replica) *client.Client {
	t.Helper()
	return newClient(t, r, client.WithPassword("admin@acme.example", s.password))
}

func newClient(t *testing.T, r *replica.Replica, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(r.URL(), append(options, client.WithRetry(client.Retry{Tries: 1}))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// me is the status with which a replica answers who we are.
func me(t *testing.T, c *client.Client) int {
	t.Helper()
	_, err := c.Me(t.Context())
	if err == nil {
		return http.StatusOK
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatal(err)
	}
	return e.Status
}

// total is how many drifts a list has, by its count.
func total(t *testing.T, c *client.Client) int {
	t.Helper()
	list, err := c.ListDrifts(t.Context(), client.DriftQuery{}, client.Page{Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list.Pagination.Total
}
