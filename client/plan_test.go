package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

const aCheck = `{"success":true,"data":{"check":{"id":"c1","workspace":"prod","status":"drifted","counts":{"new":1}},"drifts":[{"id":"d1"}]}}`

func inflate(t *testing.T, body string) string {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plan is larger than what is read at once, and does not compress to nothing.
func plan() string {
	var b strings.Builder
	for i := range 20_000 {
		b.WriteString(time.Duration(i * 7919).String())
	}
	return b.String()
}

func TestClient_SendPlan(t *testing.T) {
	t.Run("sends all of a reader again after a broken attempt, compressed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{t: t, responses: []transport{lost, gives(200, aCheck)}}
			var last int64
			result, err := s.client().SendPlan(t.Context(), "prod", iotest.OneByteReader(bytes.NewBufferString(plan()[:5000])), client.PlanOptions{
				Scope: "full", IncludeChanges: true,
				Progress: func(n int64) {
					if n < last {
						t.Errorf("progress went from %d to %d", last, n)
					}
					last = n
				},
			})
			if err != nil || result.Check.Counts.New != 1 || result.Drifts[0].ID != "d1" || last != 5000 {
				t.Fatalf("%+v, %v; progress %d", result, err, last)
			}
			for i, r := range s.requests {
				if inflate(t, s.bodies[i]) != plan()[:5000] || r.Header.Get("Content-Encoding") != "gzip" || r.URL.RawQuery != "include=changes&scope=full&workspace=prod" ||
					r.Header.Get("Idempotency-Key") != s.requests[0].Header.Get("Idempotency-Key") {
					t.Errorf("attempt %d: %s %v", i+1, r.URL, r.Header)
				}
			}
		})
	})
	t.Run("sends the first part before it has read the last", func(t *testing.T) {
		source, feed := io.Pipe()
		first := make(chan struct{})
		s := transport(func(r *http.Request) (*http.Response, error) {
			if _, err := r.Body.Read(make([]byte, 16)); err != nil {
				t.Error(err)
			}
			close(first)
			text, err := io.ReadAll(r.Body)
			if err != nil || len(text) == 0 {
				t.Errorf("the rest: %d bytes, %v", len(text), err)
			}
			return respond(200, aCheck)
		})
		go func() {
			_, _ = io.WriteString(feed, plan())
			<-first
			_ = feed.Close()
		}()
		c, err := client.New("https://ds.example", client.WithHTTPClient(&http.Client{Transport: s}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SendPlan(t.Context(), "prod", source, client.PlanOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("gives up when the plan cannot be read", func(t *testing.T) {
		broken := errors.New("the disk is gone")
		s := transport(func(r *http.Request) (*http.Response, error) {
			_, err := io.ReadAll(r.Body)
			return nil, err
		})
		c, err := client.New("https://ds.example", client.WithHTTPClient(&http.Client{Transport: s}))
		if err != nil {
			t.Fatal(err)
		}
		source := io.MultiReader(strings.NewReader(plan()), iotest.ErrReader(broken))
		if _, err := c.SendPlan(t.Context(), "prod", source, client.PlanOptions{}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "read the plan: ") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("takes as long as something moves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow := transport(func(r *http.Request) (*http.Response, error) {
				for range 3 {
					if _, err := r.Body.Read(make([]byte, 16)); err != nil {
						return nil, err
					}
					select {
					case <-time.After(40 * time.Second):
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}
				return respond(200, aCheck)
			})
			c, err := client.New("https://ds.example", client.WithHTTPClient(&http.Client{Transport: slow}), client.WithRetry(client.Retry{Tries: 1}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.SendPlan(t.Context(), "prod", strings.NewReader(plan()), client.PlanOptions{})
			if err != nil {
				t.Error(err)
			}
		})
	})
}
