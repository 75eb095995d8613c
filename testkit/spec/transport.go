package spec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

type invalidKey struct{}

// Invalid marks the requests of a context as wrong on purpose. Their responses are checked anyway, and a success
// among them fails the test when the request was indeed wrong.
func Invalid(ctx context.Context) context.Context { return context.WithValue(ctx, invalidKey{}, true) }

// Transport checks every exchange that passes it against openapi.yaml, and fails t with what is wrong: the request,
// unless it is marked with Invalid; the response's status, headers and body. A request body is looked at when it can be
// read twice (http.NewRequest sees to that for buffers, byte slices and strings). base is usually
// http.DefaultTransport.
func Transport(t testing.TB, base http.RoundTripper) http.RoundTripper {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return &transport{t: t, base: base, documents: d, seen: covered.add}
}

type transport struct {
	t         testing.TB
	base      http.RoundTripper
	documents *documents
	seen      func(operationID string, status int)
}

// RoundTrip implements http.RoundTripper.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	op, path, allowed := tr.documents.find(r)
	var wrong error
	if op != nil {
		wrong = op.checkRequest(r, path)
		_, onPurpose := r.Context().Value(invalidKey{}).(bool)
		if wrong != nil && !onPurpose {
			tr.fail(r, op, "a request that is not what the document says, nor marked as wrong on purpose", wrong, nil)
		}
	}
	res, err := tr.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r, res)
	if err != nil {
		return nil, fmt.Errorf("read the response to check it: %w", err)
	}
	if r.Method == http.MethodOptions && res.StatusCode < http.StatusBadRequest {
		return res, nil // CORS is not in the document.
	}
	if err := tr.check(r, res, body, op, allowed); err != nil {
		tr.fail(r, op, res.Status, err, body)
	} else if op != nil && r.Method != http.MethodHead {
		tr.seen(op.ID, res.StatusCode)
	}
	if op != nil && res.StatusCode < http.StatusBadRequest {
		if wrong != nil {
			tr.fail(r, op, res.Status+" for a request that should have been refused", wrong, body)
		}
		if op.secured && !hasCredentials(r) {
			tr.fail(r, op, res.Status, errors.New("response: a success without credentials"), body)
		}
	}
	return res, nil
}

// check finds the description of the response, and compares.
func (tr *transport) check(r *http.Request, res *http.Response, body []byte, op *operation, allowed []string) error {
	var described *response
	switch {
	case op != nil:
		described = op.responses[res.StatusCode]
		if r.Method == http.MethodHead && res.StatusCode == http.StatusMethodNotAllowed {
			described = tr.documents.unrouted[res.StatusCode] // A GET need not bring a HEAD.
		}
	case res.StatusCode == http.StatusNotFound && len(allowed) > 0:
		return fmt.Errorf("response status 404: the path has %v, so this is 405", allowed)
	case res.StatusCode == http.StatusMethodNotAllowed && len(allowed) == 0:
		return errors.New("response status 405: there is no such path, so this is 404")
	default:
		described = tr.documents.unrouted[res.StatusCode]
	}
	if described == nil {
		return fmt.Errorf("response status %d: is not among those of the document", res.StatusCode)
	}
	return described.checkResponse(res, body)
}

// readBody reads the response's body and puts it back. It gives nil where a body can't be, or can't be read without
// changing what the caller gets: the response to an upgrade is the connection itself.
func readBody(r *http.Request, res *http.Response) ([]byte, error) {
	if r.Method == http.MethodHead || res.StatusCode == http.StatusSwitchingProtocols {
		return nil, nil
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	return slices.Concat([]byte{}, body), err
}

func hasCredentials(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || strings.Contains(r.Header.Get("Sec-WebSocket-Protocol"), "bearer.")
}

// How much of a body a failure shows.
const shown = 2048

func (tr *transport) fail(r *http.Request, op *operation, what string, err error, body []byte) {
	tr.t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s: %s", r.Method, r.URL.Path, what)
	if op != nil {
		fmt.Fprintf(&text, " (operation %s)", op.ID)
	}
	for line := range strings.Lines(err.Error()) {
		text.WriteString("\n  " + strings.TrimRight(line, "\n"))
	}
	if len(body) > 0 {
		fmt.Fprintf(&text, "\n  body: %.*s", shown, body)
	}
	tr.t.Error(text.String())
}
