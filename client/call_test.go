package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// transport is a server without a network, so that time can be the test's.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string, headers ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// script plays one response after the other and keeps the requests.
type script struct {
	t         *testing.T
	responses []transport
	requests  []*http.Request
	bodies    []string
	at        []time.Duration // since the first
	began     time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	body := ""
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	s.requests, s.bodies, s.at = append(s.requests, r), append(s.bodies, body), append(s.at, time.Since(s.began))
	if len(s.requests) > len(s.responses) {
		s.t.Errorf("request %d was not expected: %s %s", len(s.requests), r.Method, r.URL)
		return respond(http.StatusTeapot, "")
	}
	return s.responses[len(s.requests)-1](r)
}

func (s *script) client(options ...client.Option) *client.Client {
	s.t.Helper()
	options = append([]client.Option{client.WithHTTPClient(&http.Client{Transport: s}), client.WithAPIKey("ds_key")}, options...)
	c, err := client.New("https://ds.example", options...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func gives(status int, body string, headers ...string) transport {
	return func(*http.Request) (*http.Response, error) { return respond(status, body, headers...) }
}

func lost(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

const (
	aDrift      = `{"success":true,"data":{"id":"d1","status":"approved","version":2,"approvedAt":null,"difference":{"a":{"expected":1,"actual":null}},"new":{"er":1}}}`
	unavailable = `{"success":false,"error":{"code":"SERVICE_UNAVAILABLE","message":"try again","details":null,"traceId":"4bf9"}}`
)

func TestClient_repeats(t *testing.T) {
	decision := client.Decision{Reason: "agreed with the network team"}
	t.Run("a write whose response was lost, with the same Idempotency-Key and body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{t: t, responses: []transport{lost, gives(502, "<html>"), gives(200, aDrift)}}
			d, err := s.client().ApproveDrift(t.Context(), "d1", decision)
			if err != nil || d.Status != client.Approved || !d.ApprovedAt.IsZero() || string(d.Difference["a"].Actual) != "null" {
				t.Fatalf("%+v, %v", d, err)
			}
			for i, r := range s.requests {
				if r.Header.Get("Idempotency-Key") != s.requests[0].Header.Get("Idempotency-Key") || r.Header.Get("Idempotency-Key") == "" ||
					s.bodies[i] != `{"reason":"agreed with the network team"}` || r.ContentLength != int64(len(s.bodies[i])) {
					t.Errorf("attempt %d: %v %s", i+1, r.Header, s.bodies[i])
				}
			}
		})
	})
	t.Run("after the time that the server asks for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{t: t, responses: []transport{gives(503, unavailable, "Retry-After", "7"), gives(429, "", "Retry-After", "11"), gives(200, aDrift)}}
			if _, err := s.client().GetDrift(t.Context(), "d1"); err != nil {
				t.Fatal(err)
			}
			if s.at[1] != 7*time.Second || s.at[2] != 18*time.Second {
				t.Errorf("attempts at %v", s.at)
			}
		})
	})
	t.Run("while the first attempt of a keyed write is still under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			conflict := `{"success":false,"error":{"code":"CONFLICT","message":"still under way","details":null,"traceId":"4bf9"}}`
			s := &script{t: t, responses: []transport{lost, gives(409, conflict, "Retry-After", "1"), gives(200, aDrift)}}
			if _, err := s.client().ApproveDrift(t.Context(), "d1", decision); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("until the tries are used up, and gives the last error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			down := gives(503, unavailable)
			s := &script{t: t, responses: []transport{lost, down, down}}
			_, err := s.client(client.WithRetry(client.Retry{Tries: 3})).GetDrift(t.Context(), "d1")
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != 503 || e.Code != client.CodeUnavailable || e.TraceID != "4bf9" {
				t.Errorf("err = %v", err)
			}
		})
	})
	t.Run("after an attempt that got no response in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			silent := func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }
			s := &script{t: t, responses: []transport{silent, gives(200, aDrift)}}
			if _, err := s.client(client.WithTimeout(5*time.Second)).GetDrift(t.Context(), "d1"); err != nil {
				t.Error(err)
			}
			s = &script{t: t, responses: []transport{silent}}
			_, err := s.client(client.WithTimeout(5*time.Second), client.WithRetry(client.Retry{Tries: 1})).GetDrift(t.Context(), "d1")
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "GET /api/v1/drifts/d1: no response within 5s") {
				t.Errorf("err = %v", err)
			}
		})
	})
}

func TestClient_does_not_repeat(t *testing.T) {
	one := func(t *testing.T, response transport, keyed bool) error {
		t.Helper()
		var err error
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if !keyed {
				ctx = client.WithIdempotencyKey(ctx, "")
			}
			_, err = (&script{t: t, responses: []transport{response}}).client().ApproveDrift(ctx, "d1", client.Decision{Reason: "because"})
		})
		return err
	}
	t.Run("a write without an Idempotency-Key", func(t *testing.T) {
		if err := one(t, lost, false); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("what would be refused again", func(t *testing.T) {
		err := one(t, gives(400, `{"success":false,"error":{"code":"VALIDATION_ERROR","message":"reason: too short",
			"details":{"errors":[{"field":"reason","message":"too short"}]},"traceId":"4bf9"}}`), true)
		e, ok := errors.AsType[*client.Error](err)
		if !ok || len(e.Fields) != 1 || e.Fields[0].Field != "reason" || err.Error() != "400 VALIDATION_ERROR: reason: too short (trace 4bf9)" {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a conflict", func(t *testing.T) {
		err := one(t, gives(409, `{"error":{"code":"CONFLICT","message":"already approved"}}`), true)
		if !client.HasCode(err, client.CodeConflict) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when the server asks for a longer wait than allowed", func(t *testing.T) {
		err := one(t, gives(429, "", "Retry-After", "3600"), true)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.RetryAfter != time.Hour {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("when the context would end before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			s := &script{t: t, responses: []transport{gives(503, unavailable, "Retry-After", "7")}}
			if _, err := s.client().GetDrift(ctx, "d1"); !client.HasCode(err, client.CodeUnavailable) || ctx.Err() != nil {
				t.Errorf("err = %v after %s", err, time.Since(s.began))
			}
		})
	})
	t.Run("what is not DriftSentry's", func(t *testing.T) {
		err := one(t, gives(200, "<html>welcome</html>"), true)
		if err == nil || !strings.Contains(err.Error(), "is the address that of its API?") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("a redirect, which it does not follow", func(t *testing.T) {
		err := one(t, gives(301, "", "Location", "https://other.example/"), true)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != 301 || !strings.Contains(e.Message, "https://other.example/") {
			t.Errorf("err = %v", err)
		}
	})
}

func TestClient_sends(t *testing.T) {
	type traceKey struct{}
	s := &script{t: t, responses: []transport{gives(200, aDrift), gives(200, aDrift)}}
	c := s.client(client.WithUserAgent("tool/1.0"), client.WithHeaders(func(ctx context.Context, h http.Header) {
		h.Set("Traceparent", ctx.Value(traceKey{}).(string))
	}))
	ctx := client.WithIdempotencyKey(context.WithValue(t.Context(), traceKey{}, "00-1"), "mine")
	if _, err := c.ApproveDrift(ctx, "../x?y", client.Decision{Reason: "because", Version: 3}); err != nil {
		t.Fatal(err)
	}
	r := s.requests[0]
	want := map[string]string{"User-Agent": "tool/1.0", "Traceparent": "00-1", "Authorization": "Bearer ds_key", "Idempotency-Key": "mine", "Content-Type": "application/json"}
	for name, value := range want {
		if got := r.Header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if r.URL.EscapedPath() != "/api/v1/drifts/..%2Fx%3Fy/approve" || s.bodies[0] != `{"reason":"because","version":3}` {
		t.Errorf("sent %s %s", r.URL.EscapedPath(), s.bodies[0])
	}
}

func TestNew_refuses(t *testing.T) {
	for name, build := range map[string]func() (*client.Client, error){
		"an address without a scheme": func() (*client.Client, error) { return client.New("ds.example") },
		"a socket's address":          func() (*client.Client, error) { return client.New("wss://ds.example") },
		"an address with a password":  func() (*client.Client, error) { return client.New("https://a:b@ds.example") },
		"a realtime address with a query": func() (*client.Client, error) {
			return client.New("https://ds.example", client.WithRealtime("https://ds.example/?token=x"))
		},
		"an empty key": func() (*client.Client, error) { return client.New("https://ds.example", client.WithAPIKey("")) },
		"an empty password": func() (*client.Client, error) {
			return client.New("https://ds.example", client.WithPassword("a@b.c", ""))
		},
		"an empty session": func() (*client.Client, error) {
			return client.New("https://ds.example", client.WithSession(client.Session{}))
		},
		"a key and a password": func() (*client.Client, error) {
			return client.New("https://ds.example", client.WithAPIKey("ds_k"), client.WithPassword("a@b.c", "pw"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := build(); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestClient_Drifts_goes_through_the_pages(t *testing.T) {
	page := func(items string, more bool) transport {
		return func(*http.Request) (*http.Response, error) {
			text := `{"success":true,"data":{"items":[` + items + `],"pagination":{"hasMore":false},"cursor":"e:7"}}`
			if more {
				text = strings.Replace(text, "false", "true", 1)
			}
			return respond(200, text)
		}
	}
	s := &script{t: t, responses: []transport{page(`{"id":"a"},{"id":"b"}`, true), page(`{"id":"c"}`, false), page("", false)}}
	c := s.client()
	got := ""
	for d, err := range c.Drifts(t.Context(), client.DriftQuery{Status: client.Detected, Search: "web & db"}) {
		if err != nil {
			t.Fatal(err)
		}
		got += d.ID
	}
	if got != "abc" || s.requests[1].URL.RawQuery != "limit=100&page=2&search=web+%26+db&status=detected" {
		t.Errorf("%q; asked for %s", got, s.requests[1].URL.RawQuery)
	}
	if l, err := c.ListDrifts(t.Context(), client.DriftQuery{}, client.Page{}); err != nil || l.Cursor != "e:7" {
		t.Errorf("%+v, %v", l, err)
	}
}
