package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// Client calls the service as one caller. A call without a response fails the test. Unlike the public client, it can send
// invalid requests, sends each request once, and shows the status and the headers of every response.
type Client struct {
	api  *API
	http *http.Client

	Bearer  string // an access token or an API key; empty without credentials
	Refresh string
	User    identity.User
	wrong   bool
}

func (a *API) client(bearer string) *Client {
	a.t.Helper()
	return &Client{api: a, Bearer: bearer, http: &http.Client{Transport: spec.Transport(a.t, http.DefaultTransport)}}
}

// Wrong is the same client for requests that are wrong on purpose.
func (c *Client) Wrong() *Client {
	wrong := *c
	wrong.wrong = true
	return &wrong
}

// Unchecked is the same client for rows that the API would not have stored, which the document does not describe.
func (c *Client) Unchecked() *Client {
	unchecked := *c
	unchecked.http = &http.Client{Transport: http.DefaultTransport}
	return &unchecked
}

// Response is an HTTP response whose body was read.
type Response struct {
	client *Client

	Status int
	Header http.Header
	Body   []byte
	Data   json.RawMessage `json:"data"`
	Error  struct {
		Code    string
		Message string
		TraceID string
		Details *struct {
			Errors []apierror.Field
			Reason string
		}
	} `json:"error"`
}

// Want fails the test if the response has another status.
func (a *Response) Want(status int) *Response {
	a.client.api.t.Helper()
	if a.Status != status {
		a.client.api.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// Decode reads the data.
func (a *Response) Decode(v any) {
	a.client.api.t.Helper()
	if err := json.Unmarshal(a.Data, v); err != nil {
		a.client.api.t.Fatalf("%v in %s", err, a.Body)
	}
}

// Correlation is the trace ID in the response.
func (a *Response) Correlation() string { return a.Header.Get("X-Correlation-ID") }

// Get sends a GET request.
func (c *Client) Get(path string, headers ...string) *Response {
	c.api.t.Helper()
	return c.Do(http.MethodGet, path, nil, headers...)
}

// Post sends body, as JSON unless it is bytes already.
func (c *Client) Post(path string, body any, headers ...string) *Response {
	c.api.t.Helper()
	return c.Do(http.MethodPost, path, body, headers...)
}

// Do sends a request; headers are name, value, name, value, and a name with an empty value is left out.
func (c *Client) Do(method, path string, body any, headers ...string) *Response {
	c.api.t.Helper()
	a, err := c.Try(c.api.t.Context(), method, path, body, headers...)
	if err != nil {
		c.api.t.Fatal(err)
	}
	return a
}

// Try is Do for goroutines, which must not end a test, and for requests that may fail.
func (c *Client) Try(ctx context.Context, method, path string, body any, headers ...string) (*Response, error) {
	c.api.t.Helper()
	if c.wrong {
		ctx = spec.Invalid(ctx)
	}
	var in io.Reader = http.NoBody
	if body != nil {
		raw, ok := body.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(body); err != nil {
				return nil, err
			}
		}
		in = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.api.URL+path, in)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.Bearer)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &Response{client: c, Status: resp.StatusCode, Header: resp.Header}
	if a.Body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	_ = json.Unmarshal(a.Body, a) // Health and metrics have no envelope.
	return a, nil
}
