package queue_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// patience bounds each wait of a test.
const patience = 2 * time.Minute

// receiver is a server that gets notifications.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	respond http.HandlerFunc // nil: 200
	got     []received
	news    chan struct{}
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, news: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // The sender was killed.
		}
		r.mu.Lock()
		r.got = append(r.got, received{req.Header, body})
		respond := r.respond
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
		if respond != nil {
			respond(w, req)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(r.Close)
	return r
}

// responds changes what the receiver does from now on.
func (r *receiver) responds(respond http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond = respond
}

// messages are those that came so far.
func (r *receiver) messages() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// wait waits until done is content with the messages.
func (r *receiver) wait(done func([]received) bool) []received {
	r.t.Helper()
	limit := time.After(patience)
	for {
		if got := r.messages(); done(got) {
			return got
		}
		select {
		case <-r.news:
		case <-limit:
			r.t.Fatalf("after %s there are %d messages", patience, len(r.messages()))
		}
	}
}

func count(n int) func([]received) bool {
	return func(got []received) bool { return len(got) >= n }
}
