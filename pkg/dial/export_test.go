package dial

import (
	"net/http"
	"net/url"
	"testing"
)

// UseProxy makes every request of a test go through a proxy.
func UseProxy(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	before := fromEnvironment
	fromEnvironment = func(*http.Request) (*url.URL, error) { return u, nil }
	t.Cleanup(func() { fromEnvironment = before })
}
