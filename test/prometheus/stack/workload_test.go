//go:build stack

package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

const (
	admin    = "admin@acme.example"
	engineer = "engineer@acme.example"
	password = "the-password-of-the-stack-test"
	runURL   = "https://ci.example/acme/runs/17"
	ref      = "main"
	commit   = "4f0c2a9"
	plans    = "../../../services/api/internal/plan/testdata/plans/"
)

// caller is the trace context of a caller: a CI job, a browser.
type caller struct{ traceID, spanID string }

func newCaller() caller { return caller{randomHex(16), randomHex(8)} }

func (c caller) traceparent() string { return "00-" + c.traceID + "-" + c.spanID + "-01" }

// in is a context whose calls are of this caller.
func (c caller) in(ctx context.Context) context.Context { return context.WithValue(ctx, caller{}, c) }

func randomHex(size int) string {
	raw := make([]byte, size)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// job is what DriftSentry is for, done once.
type job struct {
	base     string         // the api's address
	api      *client.Client // as the engineer
	token    string         // the engineer's access token, for requests that no client would send
	pipeline *client.Client // as CI
	ci       caller         // sent the plan
	browser  caller         // approved a drift of it
	drift    string
	timeline []client.TimelineEntry
}

// work sends a plan and approves a drift while an engineer's socket listens, and returns when both have come through
// it.
func (s *system) work(t *testing.T) job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	j := job{base: s.url("api", 3001), ci: newCaller(), browser: newCaller()}
	j.api, j.token = s.signIn(ctx, t, engineer, "engineer")
	owner, _ := s.signIn(ctx, t, admin, "admin")
	created, err := owner.CreateAPIKey(ctx, client.NewAPIKey{Name: "CI", Scope: client.ScopeIngest})
	if err != nil {
		t.Fatal(err)
	}
	j.pipeline = s.client(t, client.WithAPIKey(created.Key))

	f := s.follow(t)
	defer f.leave(t)
	ingested, err := j.pipeline.SendPlan(j.ci.in(ctx), "production", plan(t, "refresh_only_tf1.11.4.json"), client.PlanOptions{Source: client.Source{RunURL: runURL, Ref: ref, Commit: commit}})
	if err != nil {
		t.Fatal(err)
	}
	f.await(t, "check.completed")
	for _, d := range ingested.Drifts {
		if d.Severity == "critical" {
			j.drift = d.ID
		}
	}
	// As a browser does. This also puts the session into the api's cache.
	j.look(t, newCaller())
	if _, err := j.api.ApproveDrift(j.browser.in(ctx), j.drift, client.Decision{Reason: "agreed with the network team"}); err != nil {
		t.Fatal(err)
	}
	f.await(t, "drift.approved")

	if j.timeline, err = j.api.DriftTimeline(ctx, j.drift); err != nil {
		t.Fatal(err)
	}
	return j
}

func plan(t *testing.T, name string) io.Reader {
	t.Helper()
	content, err := os.ReadFile(plans + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(content)
}

// client sends the trace context of its call's caller.
func (s *system) client(t *testing.T, options ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(s.url("api", 3001), append(options, client.WithHeaders(func(ctx context.Context, h http.Header) {
		if caller, ok := ctx.Value(caller{}).(caller); ok {
			h.Set("Traceparent", caller.traceparent())
		}
	}))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signIn makes a user, and returns a client of theirs and the access token.
func (s *system) signIn(ctx context.Context, t *testing.T, email, role string) (c *client.Client, token string) {
	t.Helper()
	create := exec.CommandContext(ctx, s.program("api"), "user", "create", "--account", "acme", "--email", email,
		"--name", role, "--role", role, "--password-stdin")
	create.Env, create.Stdin = s.environ, strings.NewReader(password+"\n")
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create the %s: %v\n%s", role, err, out)
	}
	c = s.client(t, client.WithPassword(email, password))
	session, err := c.SignIn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c, session.AccessToken
}

// look gets the drift, which must succeed.
func (j job) look(t *testing.T, c caller) {
	t.Helper()
	if status, err := j.status(t.Context(), "/api/v1/drifts/"+j.drift, c); err != nil || status != http.StatusOK {
		t.Fatalf("look at the drift: %d, %v", status, err)
	}
}

// status sends a request as the engineer and returns the response's status.
func (j job) status(ctx context.Context, path string, c caller) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.base+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+j.token)
	req.Header.Set("traceparent", c.traceparent())
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body) // So that the connection is used again.
	return res.StatusCode, res.Body.Close()
}
