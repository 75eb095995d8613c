//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/driftsentry/driftsentry/test/internal/apiclient"
)

// TestReplicas: what docs/scaling.md says of the state that replicas share, and of the state that they don't.
func TestReplicas(t *testing.T) {
	s := start(t, "RATE_LIMIT_ENABLED=true", "RATE_LIMIT_REQUESTS=40")
	one, two := apiclient.Client{Base: s.api[0].URL(), Token: s.token}, apiclient.Client{Base: s.api[1].URL(), Token: s.token}
	drift := map[string]any{
		"resourceId": "aws_instance.shared", "resourceType": "aws_instance", "region": "eu-west-1",
		"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
	}
	t.Run("an Idempotency-Key holds on all of them", func(t *testing.T) {
		var first, second struct{ ID string }
		if err := one.Post(t.Context(), "/api/v1/drifts", drift, &first, "Idempotency-Key", "shared"); err != nil {
			t.Fatal(err)
		}
		if err := two.Post(t.Context(), "/api/v1/drifts", drift, &second, "Idempotency-Key", "shared"); err != nil || second != first {
			t.Errorf("%v, %v, want %v again", second, err, first)
		}
	})
	t.Run("a list's count is never older than the stream", func(t *testing.T) {
		for i := range 5 {
			before := total(t, two)
			drift["resourceId"] = fmt.Sprintf("aws_instance.counted[%d]", i)
			if err := one.Post(t.Context(), "/api/v1/drifts", drift, nil); err != nil {
				t.Fatal(err)
			}
			if after := total(t, two); after != before+1 {
				t.Errorf("%d drifts, after one more than %d", after, before)
			}
		}
	})
	t.Run("a rate limit is each replica's own", func(t *testing.T) {
		for status(t, one, "/api/v1/users/me") != http.StatusTooManyRequests { // It ends, or the test's time does.
		}
		if got := status(t, two, "/api/v1/users/me"); got != http.StatusOK {
			t.Errorf("the other replica returns %d", got)
		}
	})
	t.Run("a revoked session ends everywhere", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		session, err := apiclient.Client{Base: s.api[1].URL()}.SignIn(ctx, "admin@acme.example", s.password)
		if err != nil {
			t.Fatal(err)
		}
		mine := apiclient.Client{Base: s.api[1].URL(), Token: session.AccessToken}
		if got := status(t, mine, "/api/v1/users/me"); got != http.StatusOK { // It is in that replica's cache now.
			t.Fatalf("status %d", got)
		}
		conn, _, err := websocket.Dial(ctx, strings.Replace(s.realtime[1].URL(), "http", "ws", 1)+"/ws", &websocket.DialOptions{
			Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + session.AccessToken}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		if err := (apiclient.Client{Base: s.api[0].URL()}).Post(ctx, "/api/v1/auth/logout", map[string]string{"refreshToken": session.RefreshToken}, nil); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for err == nil {
			_, _, err = conn.Read(ctx)
		}
		if code := websocket.CloseStatus(err); code != 4401 {
			t.Errorf("the socket ended with %v", err)
		}
		for status(t, mine, "/api/v1/users/me") == http.StatusOK && ctx.Err() == nil {
		}
		if ctx.Err() != nil {
			t.Error("the other api still lets it in")
		}
		t.Logf("after %s", time.Since(began).Round(time.Millisecond))
	})
}

func get(t *testing.T, c apiclient.Client, path string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

func status(t *testing.T, c apiclient.Client, path string) int {
	t.Helper()
	code, _ := get(t, c, path)
	return code
}

// total is how many drifts a list has, by its count.
func total(t *testing.T, c apiclient.Client) int {
	t.Helper()
	code, body := get(t, c, "/api/v1/drifts?limit=1")
	var answer struct {
		Data struct{ Pagination struct{ Total *int } }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Data.Pagination.Total == nil {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	return *answer.Data.Pagination.Total
}
