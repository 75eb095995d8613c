//go:build tofu

package life

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. It is no measure of anything: only a failing test gets near it.
const patience = 2 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// pair is one api and one realtime, with an engineer and a key for CI.
type pair struct {
	url      string
	engineer string // an access token
	apiKey   string
}

func startPair(t *testing.T) *pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sink, err := otlpsink.Start(otlpsink.Options{MaxRecords: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	environ := replica.Environ(pgtest.DSN(t), append(slices.Clone(replica.Unhurried), "JWT_EXPIRY=2h",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.Endpoint())...)
	services := replica.StartPair(ctx, t, programs, environ)
	services.StopAtEnd(t)

	p := &pair{url: services.API.URL()}
	password := rand.Text()
	signIn := func(role string) string {
		email := role + "@life.example"
		if err := replica.CreateUser(ctx, programs.API, environ, "life", email, role, password); err != nil {
			t.Fatal(err)
		}
		var session struct{ AccessToken string }
		p.call(t, "", "POST", "/api/v1/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password), &session)
		return session.AccessToken
	}
	var created struct{ Key string }
	p.call(t, signIn("admin"), "POST", "/api/v1/api-keys", `{"name":"CI","scope":"ingest"}`, &created)
	p.apiKey = created.Key
	p.engineer = signIn("engineer")
	return p
}

// request calls the API as the engineer and reads the data of the response, which must be a success. The Go client would
// hide what it does not know.
func (p *pair) request(t *testing.T, method, path, body string, data any) {
	t.Helper()
	p.call(t, p.engineer, method, path, body, data)
}

func (p *pair) call(t *testing.T, token, method, path, body string, data any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, &struct{ Data any }{data}); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
}
