package lifecycle_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/lifecycle"
)

// reports is a telemetry that keeps the errors it gets.
type reports struct {
	mu   sync.Mutex
	list []error
}

func (*reports) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (r *reports) Report(_ context.Context, err error, _ ...slog.Attr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, err)
}

// journal records the order of what happened.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) note(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, what)
}

func (j *journal) closer(what string) func(context.Context) error {
	return func(context.Context) error { j.note(what); return nil }
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestGroup_Run(t *testing.T) {
	t.Run("everything ends in order and in-flight requests get a response", func(t *testing.T) {
		var j journal
		g := lifecycle.New(lifecycle.Config{DrainDelay: time.Millisecond, Timeout: time.Minute}, &reports{})
		inHandler, release := make(chan struct{}), make(chan struct{})
		l := listen(t)
		g.OnClose("pool", j.closer("pool"))
		g.OnClose("cache", j.closer("cache"))
		g.Go("worker", func(ctx context.Context) error {
			<-ctx.Done()
			j.note("worker")
			return nil
		})
		g.OnStop("sockets", func(context.Context) error {
			// The request is still in flight while the sockets say goodbye.
			close(release)
			j.note("sockets")
			return nil
		})
		g.Serve("public", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inHandler)
			<-release
			j.note("request")
			_, _ = io.WriteString(w, "done")
		})}, l)

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		answer := make(chan string, 1)
		go func() {
			resp, err := http.Get("http://" + l.Addr().String())
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answer <- string(body)
		}()
		<-inHandler
		if !g.Ready() {
			t.Error("not ready while it runs")
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if got := <-answer; got != "done" {
			t.Errorf("the request in flight got %q", got)
		}
		if g.Ready() || !g.Draining() {
			t.Error("still ready after the end")
		}
		// The sockets and the request end at the same time; everything else has a fixed place.
		if got := j.entries[2:]; !slices.Equal(got, []string{"worker", "cache", "pool"}) {
			t.Errorf("order = %v", j.entries)
		}
	})
	t.Run("a worker that fails stops the service and its error is returned", func(t *testing.T) {
		var j journal
		broken := errors.New("broken")
		g := lifecycle.New(lifecycle.Config{Timeout: time.Minute}, &reports{})
		g.OnClose("pool", j.closer("pool"))
		g.Go("feed", func(context.Context) error { return broken })
		err := g.Run(t.Context())
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "feed") {
			t.Errorf("err = %v", err)
		}
		if !slices.Equal(j.entries, []string{"pool"}) {
			t.Errorf("closed: %v", j.entries)
		}
	})
	t.Run("a worker that returns before it is stopped is a failure", func(t *testing.T) {
		g := lifecycle.New(lifecycle.Config{Timeout: time.Minute}, &reports{})
		g.Go("feed", func(context.Context) error { return nil })
		if err := g.Run(t.Context()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("a step that hangs is abandoned and named", func(t *testing.T) {
		g := lifecycle.New(lifecycle.Config{Timeout: 10 * time.Millisecond}, &reports{})
		hang := make(chan struct{})
		t.Cleanup(func() { close(hang) })
		g.OnClose("pool", func(context.Context) error { <-hang; return nil })
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := g.Run(ctx); err == nil || !strings.Contains(err.Error(), "stop pool: not done") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("it continues to serve while it drains", func(t *testing.T) {
		g := lifecycle.New(lifecycle.Config{DrainDelay: time.Hour, Timeout: time.Minute}, &reports{})
		l := listen(t)
		g.Serve("public", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if g.Draining() {
				w.WriteHeader(http.StatusTeapot)
			}
		})}, l)
		fail := make(chan struct{})
		g.Go("trigger", func(context.Context) error { <-fail; return errors.New("enough") })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		idle, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		if last, err := exchange(idle); err != nil || last {
			t.Fatalf("%v, the last: %t", err, last)
		}
		stop()
		for !g.Draining() {
			status(t, l) // instead of a sleep: each round trip gives the group time to continue
		}
		if got := status(t, l); got != http.StatusTeapot {
			t.Errorf("status while draining = %d", got)
		}
		// A request on a connection that was idle when the drain began may have been on its way: it gets a response, which
		// says that it is the last. Mutation: SetKeepAlivesEnabled(false) in drain.
		if last, err := exchange(idle); err != nil || !last {
			t.Errorf("on the idle connection: %v, the last: %t", err, last)
		}
		close(fail) // a part that fails ends the delay of an hour early
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// exchange sends a request on the connection, and reads whether the response is the last.
func exchange(conn net.Conn) (last bool, err error) {
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"); err != nil {
		return false, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false, err
	}
	return res.Close, res.Body.Close()
}

func status(t *testing.T, l net.Listener) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
