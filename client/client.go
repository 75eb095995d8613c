package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one installation of DriftSentry. It is safe for concurrent use; make one and keep it, since it holds the
// session and the connections.
type Client struct {
	base     string // without a slash at the end
	realtime string
	http     *http.Client
	headers  []func(context.Context, http.Header)
	agent    string
	timeout  time.Duration
	retry    Retry
	apiKey   string
	source   func(context.Context) (string, error) // of tokens of CI; nil without
	session  session
}

// New makes a client of the API at base, such as https://driftsentry.example.com. It sends nothing: the first call that
// needs a session signs in.
func New(base string, options ...Option) (*Client, error) {
	c := &Client{
		http: &http.Client{}, agent: "driftsentry-go", timeout: time.Minute, retry: Retry{}.filled(),
		session: session{turn: make(chan struct{}, 1)},
	}
	var err error
	if c.base, err = address(base); err != nil {
		return nil, err
	}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	if given := []bool{c.apiKey != "", c.source != nil, c.session.enabled()}; given[0] && given[1] || given[0] && given[2] || given[1] && given[2] {
		return nil, errors.New("give either an API key, a source of tokens, or a person's credentials, not several")
	}
	c.realtime = cmp.Or(c.realtime, c.base)
	// A redirect would turn a POST into a GET, or lead the credentials elsewhere.
	own := *c.http
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Timeout = 0 // Each attempt has a timeout of its own, and a socket has none.
	c.http = &own
	return c, nil
}

// address checks a service's URL.
func address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is not the address of a service: give one like https://driftsentry.example.com", text)
	}
	return strings.TrimRight(text, "/"), nil
}
