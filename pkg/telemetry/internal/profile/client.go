package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/cut"
)

const (
	sendTimeout = 10 * time.Second
	maxResponse = 4 << 10
)

// client sends profiles. Its errors have no address, in which there may be a password,
// and nothing that the server wrote.
type client struct {
	http *http.Client
	end  context.Context
}

// newClient makes a client that stops with the context end.
func newClient(end context.Context) client {
	return client{&http.Client{
		Timeout:   sendTimeout,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}, // Four a minute: a connection would mostly wait.
		// The password is for this server only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, end}
}

// Do implements the library's interface.
func (c client) Do(r *http.Request) (*http.Response, error) {
	ctx, release := cut.With(r.Context(), c.end)
	defer release()
	resp, err := c.http.Do(r.WithContext(ctx)) //nolint:gosec // The operator gives the address, never a request.
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	// The body is read by no one, but an endless one must end.
	_, _ = io.CopyN(io.Discard, resp.Body, maxResponse)
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server responded with the status %d", resp.StatusCode)
	}
	resp.Body = io.NopCloser(bytes.NewReader(nil))
	return resp, nil
}
