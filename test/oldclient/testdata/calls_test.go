package client_test

import (
	"fmt"
	"net/http"
	"os"
	"sync"
)

// calls writes each exchange of the old client into the file of CALLS, a line each: status, method, path.
type calls struct {
	base http.RoundTripper
	mu   sync.Mutex
	file *os.File
}

// The clients of the tests use the transport that is the default when they are made.
func init() {
	file, err := os.OpenFile(os.Getenv("CALLS"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		panic(err)
	}
	http.DefaultTransport = &calls{base: http.DefaultTransport, file: file}
}

func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = fmt.Fprintln(c.file, res.StatusCode, r.Method, r.URL.Path)
	return res, err
}
