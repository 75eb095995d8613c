package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/health"
	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// TestAttackSlowBody: who lost the rights while the body was on its way does nothing with it. Mutations: admit without recheck;
// Authenticate in place of Reauthenticate; Read that ignores what again says.
func TestAttackSlowBody(t *testing.T) {
	api := apitest.Start(t)
	server := httpapi.New(httpapi.Options{
		Identity: api.Identity, Logger: api.Telemetry.Logger(), Replica: "r",
		Edge: process.Edge{Telemetry: api.Telemetry, Health: health.New("", "", func() bool { return true }, nil), Timeout: time.Minute},
	})
	httpapi.Impatient(server)
	done := 0
	edge := httptest.NewServer(httpapi.With(server, http.MethodPost, "/thing", func(w http.ResponseWriter, r *http.Request) error {
		var body struct{ A int }
		if err := rest.Decode(w, r, &body); err != nil {
			return err
		}
		done++
		return rest.OK(w, nil)
	}))
	t.Cleanup(edge.Close)
	send := func(t *testing.T, c *apitest.Client, meanwhile string) int {
		t.Helper()
		body, out := io.Pipe()
		sent := make(chan error, 1)
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() {
			// The caller was let in, and the handler reads.
			if meanwhile != "" {
				exec(t, api, meanwhile, c.User.ID)
			}
			go func() {
				_, err := io.WriteString(out, `{"A":1}`)
				sent <- err
				_ = out.Close()
			}()
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, edge.URL+"/api/v1/thing", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Bearer)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Expect", "100-continue")
		resp, err := (&http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		return resp.StatusCode
	}
	if status := send(t, api.NewUser("acme", identity.Viewer), ""); status != http.StatusOK || done != 1 {
		t.Fatalf("%d, done %d times", status, done)
	}
	for how, loss := range lose {
		t.Run(how, func(t *testing.T) {
			want, did := loss.status, 1
			if loss.admins { // The route is for viewers.
				want, did = http.StatusOK, 2
			}
			done = 1
			if status := send(t, api.NewUser("acme", identity.Admin), loss.sql); status != want || done != did {
				t.Errorf("%d, done %d times", status, done)
			}
		})
	}
}
