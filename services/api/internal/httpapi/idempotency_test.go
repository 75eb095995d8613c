package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
)

// Mutations: a kept request is always begun again; the body not compared; one space of keys for all of an account.
func TestIdempotencyKey(t *testing.T) {
	api := apitest.Start(t)
	create := func(c *apitest.Client, key, name string) *apitest.Response {
		return c.Post("/api/v1/api-keys", map[string]string{"name": name, "scope": "ingest"}, "Idempotency-Key", key)
	}
	first := create(api.Admin, "k1", "one").Want(201)

	t.Run("the same request gets the first response, secret included, and nothing is done twice", func(t *testing.T) {
		again := create(api.Admin, "k1", "one").Want(201)
		if !bytes.Equal(first.Body, again.Body) || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s\n%s\n%v", first.Body, again.Body, again.Header)
		}
		if again.Correlation() == first.Correlation() {
			t.Error("two requests have one trace")
		}
		if n := audited(api, "api_key.created"); n != 2 { // and the one of apitest
			t.Errorf("%d keys were made", n)
		}
	})
	t.Run("another body, path or query is another request", func(*testing.T) {
		create(api.Admin, "k1", "two").Want(409)
		triage := func() *apitest.Response {
			return api.Admin.Post("/api/v1/drifts/"+uuid.NewString()+"/triage", struct{}{}, "Idempotency-Key", "t1")
		}
		triage().Want(404)
		triage().Want(409)
	})
	t.Run("keys are the principal's own", func(t *testing.T) {
		second := api.NewUser("acme", "admin")
		if other := create(second, "k1", "one").Want(201); bytes.Equal(first.Body, other.Body) {
			t.Error("another user got the response")
		}
	})
	t.Run("a refusal is kept, and repeated with the trace of the new request", func(t *testing.T) {
		body := map[string]string{"email": api.Viewer.User.Email, "name": "A", "role": "viewer"}
		one := api.Admin.Post("/api/v1/users", body, "Idempotency-Key", "k2").Want(409)
		two := api.Admin.Post("/api/v1/users", body, "Idempotency-Key", "k2").Want(409)
		if two.Header.Get("Idempotent-Replayed") != "true" || two.Error.Message != one.Error.Message || two.Error.TraceID != two.Correlation() {
			t.Errorf("%s %v", two.Body, two.Header)
		}
		one = api.Admin.Wrong().Post("/api/v1/users", map[string]string{"email": "x"}, "Idempotency-Key", "k3").Want(400)
		two = api.Admin.Wrong().Post("/api/v1/users", map[string]string{"email": "x"}, "Idempotency-Key", "k3").Want(400)
		if !slices.Equal(one.Error.Details.Errors, two.Error.Details.Errors) {
			t.Errorf("%s\n%s", one.Body, two.Body)
		}
	})
	t.Run("a fault of the transfer is not kept", func(*testing.T) {
		api.Admin.Wrong().Post("/api/v1/api-keys", []byte(`{"name":"x","scope":"ingest"}`), "Idempotency-Key", "k4", "Content-Type", "text/plain").Want(415)
		create(api.Admin, "k4", "x").Want(201)
	})
	t.Run("a malformed key is refused", func(t *testing.T) {
		for _, bad := range []string{strings.Repeat("k", 256), "a b", "ü"} {
			if a := create(api.Admin.Wrong(), bad, "one"); a.Status != http.StatusBadRequest {
				t.Errorf("%q: %d", bad, a.Status)
			}
		}
	})
	t.Run("of many at once, on two replicas, one is done and the others wait or get its response", func(t *testing.T) {
		other := apitest.StartOn(t, api.DSN)
		replicas := []*apitest.Client{api.Admin, other.With(api.Admin.Bearer)}
		before := audited(api, "api_key.created")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				a, err := replicas[i%2].Try(t.Context(), http.MethodPost, "/api/v1/api-keys", map[string]string{"name": "race", "scope": "ingest"}, "Idempotency-Key", "k5")
				switch {
				case err != nil:
					t.Error(err)
				case a.Status == http.StatusConflict && a.Header.Get("Retry-After") == "":
					t.Errorf("409 without Retry-After: %s", a.Body)
				case a.Status != http.StatusConflict && a.Status != http.StatusCreated:
					t.Errorf("%d %s", a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		create(replicas[0], "k5", "race").Want(201)
		create(replicas[1], "k5", "race").Want(201)
		if n := audited(api, "api_key.created") - before; n != 1 {
			t.Errorf("%d keys were made", n)
		}
	})
	t.Run("after a day the key is free again", func(t *testing.T) {
		if _, err := api.DB.Exec(t.Context(), "update idempotency set created_at = now() - interval '25 hours' where key = 'k1'"); err != nil {
			t.Fatal(err)
		}
		if again := create(api.Admin, "k1", "two").Want(201); again.Header.Get("Idempotent-Replayed") != "" {
			t.Error("replayed")
		}
	})
	t.Run("responses are sealed where they are stored", func(t *testing.T) {
		var made struct{ Key string }
		create(api.Admin, "k6", "sealed").Want(201).Decode(&made)
		rows, err := api.DB.Query(t.Context(), "select answer from idempotency where answer is not null")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			var response []byte
			if err := rows.Scan(&response); err != nil {
				t.Fatal(err)
			}
			n++
			if bytes.Contains(response, []byte(made.Key)) || bytes.Contains(response, []byte("success")) {
				t.Error("a response is readable")
			}
		}
		if n == 0 {
			t.Error("nothing is stored")
		}
	})
	t.Run("a plan sent again gets the first response; another plan does not", func(t *testing.T) {
		ingest := func(plan string) *apitest.Response {
			return api.Key.Post("/api/v1/ingest/plan?workspace=w", []byte(plan), "Idempotency-Key", "p1")
		}
		one := ingest(`{"format_version":"1.2","resource_drift":[]}`).Want(200)
		two := ingest(`{"format_version":"1.2","resource_drift":[]}`).Want(200)
		if !bytes.Equal(one.Body, two.Body) || two.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s\n%s", one.Body, two.Body)
		}
		ingest(`{"format_version":"1.2","resource_drift":null}`).Want(409)
	})
}

// TestIdempotencyKey_failures: a request that ends without a final response can be tried again.
func TestIdempotencyKey_failures(t *testing.T) {
	api := apitest.Start(t)
	keeper, err := idempotency.NewKeeper(postgres.NewIdempotencyStore(api.DB), apitest.DataKey, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	outcome := func(http.ResponseWriter, *http.Request) error { return nil }
	server := httpapi.New(httpapi.Options{
		Identity: api.Identity, Idempotency: keeper, Logger: api.Telemetry.Logger(), Replica: "r",
		Edge: process.Edge{
			Telemetry: api.Telemetry, Health: health.New("", "", func() bool { return true }, nil), Timeout: time.Minute,
		},
	})
	edge := httptest.NewServer(httpapi.With(server, http.MethodPost, "/thing", func(w http.ResponseWriter, r *http.Request) error { return outcome(w, r) }))
	t.Cleanup(edge.Close)
	send := func() int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, edge.URL+"/api/v1/thing", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+api.Viewer.Bearer)
		req.Header.Set("Idempotency-Key", "k")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for name, failure := range map[string]func(http.ResponseWriter, *http.Request) error{
		"an unexpected error": func(http.ResponseWriter, *http.Request) error { return errors.New("boom") },
		"a panic":             func(http.ResponseWriter, *http.Request) error { panic("boom") },
		"unavailable":         func(http.ResponseWriter, *http.Request) error { return apierror.New(apierror.Unavailable, "later") },
		"a timeout":           func(http.ResponseWriter, *http.Request) error { return context.DeadlineExceeded },
		"a limit":             func(http.ResponseWriter, *http.Request) error { return apierror.New(apierror.RateLimited, "slow") },
	} {
		outcome = failure
		if status := send(); status < 429 {
			t.Errorf("%s: %d", name, status)
		}
	}
	calls := 0
	outcome = func(w http.ResponseWriter, _ *http.Request) error { calls++; return rest.OK(w, calls) }
	first, second := send(), send()
	if first != 200 || second != 200 || calls != 1 {
		t.Errorf("%d, %d; the handler ran %d times", first, second, calls)
	}
}
