package sentry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/cut"
)

func TestUpload_Cut(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	u := newUpload(noop.Int64Counter{})
	connected := make(chan struct{})
	go func() {
		defer close(connected)
		conn, err := listener.Accept()
		if err != nil {
			return // the test has ended
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // the request is on its way
		connected <- struct{}{}
		_, _ = io.Copy(io.Discard, conn) // the rest of the request, until the client hangs up
	}()
	go func() {
		<-connected
		u.end()
	}()
	for _, when := range []string{"during", "after"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := u.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, cut.Err) {
			t.Errorf("%s: got %v", when, err)
		}
	}
}
