package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// client calls the api as one principal. Every exchange is checked against docs/api/openapi.yaml. Unlike the public client, it
// sends what is wrong as well, sends it once, and shows the status and the headers of every response.
type client struct {
	p     *pair
	token string
	http  *http.Client
}

// reply is a response with its body read.
type reply struct {
	status int
	header http.Header
	body   []byte
	Data   json.RawMessage `json:"data"`
	Error  struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		TraceID string `json:"traceId"`
	} `json:"error"`
}

func (p *pair) client(token string) *client {
	return &client{p, token, &http.Client{Transport: spec.Transport(p.t, http.DefaultTransport)}}
}

// signIn gives a client of the user with this role.
func (p *pair) signIn(role string) *client {
	p.t.Helper()
	u := p.users[role]
	a := p.client("").post(p.t.Context(), "/api/v1/auth/login", map[string]string{"email": u.email, "password": u.password})
	if a.status != http.StatusOK {
		p.t.Fatalf("sign in as %s: %d %s", role, a.status, a.body)
	}
	var tokens struct{ AccessToken, RefreshToken string }
	a.decode(p.t, &tokens)
	p.secrets = append(p.secrets, tokens.AccessToken, tokens.RefreshToken)
	return p.client(tokens.AccessToken)
}

func (c *client) createKey() string {
	c.p.t.Helper()
	a := c.post(c.p.t.Context(), "/api/v1/api-keys", map[string]string{"name": "ci", "scope": "ingest"})
	if a.status != http.StatusCreated {
		c.p.t.Fatalf("create a key: %d %s", a.status, a.body)
	}
	var created struct{ Key string }
	a.decode(c.p.t, &created)
	return created.Key
}

// do sends one request; headers are name, value, name, value.
func (c *client) do(ctx context.Context, method, url string, body []byte, headers ...string) reply {
	c.p.t.Helper()
	a, err := c.try(ctx, method, url, body, headers...)
	if err != nil {
		c.p.t.Fatal(err)
	}
	return a
}

// try is do for requests whose server may not be listening.
func (c *client) try(ctx context.Context, method, url string, body []byte, headers ...string) (reply, error) {
	c.p.t.Helper()
	var in io.Reader = http.NoBody
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, in)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	a := reply{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return reply{}, err
	}
	return readAnswer(a), nil
}

func readAnswer(a reply) reply {
	_ = json.Unmarshal(a.body, &a) // Health and metrics have no envelope.
	return a
}

func (c *client) get(ctx context.Context, path string, headers ...string) reply {
	c.p.t.Helper()
	return c.do(ctx, http.MethodGet, c.p.apiURL+path, nil, headers...)
}

func (c *client) post(ctx context.Context, path string, body any, headers ...string) reply {
	c.p.t.Helper()
	return c.do(ctx, http.MethodPost, c.p.apiURL+path, mustJSON(c.p.t, body), headers...)
}

// ingest sends a fixture plan to a workspace.
func (c *client) ingest(ctx context.Context, workspace, fixture string, headers ...string) reply {
	c.p.t.Helper()
	return c.do(ctx, http.MethodPost, c.p.apiURL+"/api/v1/ingest/plan?workspace="+workspace, plan(c.p.t, fixture), headers...)
}

// plan is one of the fixtures that package plan is tested with.
func plan(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../services/api/internal/plan/testdata/plans", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (a reply) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.Data, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// correlation is the trace ID in the response.
func (a reply) correlation() string { return a.header.Get("X-Correlation-ID") }

// driftItem is what the tests want of a drift.
type driftItem struct {
	ID         string
	ResourceID string
	Severity   string
	Status     string
	Version    int
}

func (c *client) drifts() []driftItem {
	c.p.t.Helper()
	a := c.get(c.p.t.Context(), "/api/v1/drifts?limit=100&sortBy=severity")
	if a.status != http.StatusOK {
		c.p.t.Fatalf("list drifts: %d %s", a.status, a.body)
	}
	var list struct{ Items []driftItem }
	a.decode(c.p.t, &list)
	return list.Items
}

// traceparent is a context as a caller sends it.
type traceparent struct{ traceID, spanID string }

func newTraceparent() traceparent { return traceparent{random(), random()[:16]} }

func (tp traceparent) String() string { return "00-" + tp.traceID + "-" + tp.spanID + "-01" }

// random is 32 hex digits.
func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
