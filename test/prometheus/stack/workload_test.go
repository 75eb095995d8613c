//go:build stack

package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

const (
	admin    = "admin@acme.example"
	engineer = "engineer@acme.example"
	password = "the-password-of-the-stack-test"
	plans    = "../../../services/api/internal/plan/testdata/plans/"
)

// caller is the trace context of a caller: a CI job, a browser.
type caller struct{ traceID, spanID string }

func newCaller() caller { return caller{randomHex(16), randomHex(8)} }

func (c caller) traceparent() string { return "00-" + c.traceID + "-" + c.spanID + "-01" }

func randomHex(size int) string {
	raw := make([]byte, size)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// job is what DriftSentry is for, done once.
type job struct {
	api      apiclient.Client // as the engineer
	pipeline apiclient.Client // as CI
	ci       caller           // sent the plan
	browser  caller           // approved a drift of it
	drift    string
	timeline []struct{ Action, TraceID string }
}

// work sends a plan and approves a drift while an engineer's socket listens, and returns when both have come through
// it.
func (s *system) work(t *testing.T) job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	j := job{api: s.signIn(ctx, t, engineer, "engineer"), ci: newCaller(), browser: newCaller()}
	var created struct{ Key string }
	if err := s.signIn(ctx, t, admin, "admin").Post(ctx, "/api/v1/api-keys", map[string]string{"name": "CI", "scope": "ingest"}, &created); err != nil {
		t.Fatal(err)
	}
	j.pipeline = apiclient.Client{Base: j.api.Base, Token: created.Key}

	f := s.follow(t)
	defer f.leave(t)
	var ingested struct {
		Drifts []struct{ ID, Severity string }
	}
	if err := j.pipeline.Post(ctx, "/api/v1/ingest/plan?workspace=production", plan(t, "refresh_only_tf1.11.4.json"), &ingested,
		"traceparent", j.ci.traceparent()); err != nil {
		t.Fatal(err)
	}
	f.await(t, "check.completed")
	for _, d := range ingested.Drifts {
		if d.Severity == "critical" {
			j.drift = d.ID
		}
	}
	// As a browser does, which also leaves the session in the api's cache.
	j.look(t, newCaller())
	if err := j.api.Post(ctx, "/api/v1/drifts/"+j.drift+"/approve", map[string]string{"reason": "agreed with the network team"}, nil,
		"traceparent", j.browser.traceparent()); err != nil {
		t.Fatal(err)
	}
	f.await(t, "drift.approved")

	body, err := get(ctx, j.api.Base+"/api/v1/drifts/"+j.drift+"/timeline", "Authorization", "Bearer "+j.api.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &struct{ Data any }{&j.timeline}); err != nil {
		t.Fatal(err)
	}
	return j
}

func plan(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(plans + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// signIn makes a user and a client of theirs.
func (s *system) signIn(ctx context.Context, t *testing.T, email, role string) apiclient.Client {
	t.Helper()
	create := exec.CommandContext(ctx, s.program("api"), "user", "create", "--account", "acme", "--email", email,
		"--name", role, "--role", role, "--password-stdin")
	create.Env, create.Stdin = s.environ, strings.NewReader(password+"\n")
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create the %s: %v\n%s", role, err, out)
	}
	c := apiclient.Client{Base: s.url("api", 3001)}
	session, err := c.SignIn(ctx, email, password)
	if err != nil {
		t.Fatal(err)
	}
	c.Token = session.AccessToken
	return c
}

// look gets the drift, which must succeed.
func (j job) look(t *testing.T, c caller) {
	t.Helper()
	if status, err := j.status(t.Context(), "/api/v1/drifts/"+j.drift, c); err != nil || status != http.StatusOK {
		t.Fatalf("look at the drift: %d, %v", status, err)
	}
}

// status sends a request as the engineer and gives the response's status.
func (j job) status(ctx context.Context, path string, c caller) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.api.Base+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+j.api.Token)
	req.Header.Set("traceparent", c.traceparent())
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body) // So that the connection is used again.
	return res.StatusCode, res.Body.Close()
}
