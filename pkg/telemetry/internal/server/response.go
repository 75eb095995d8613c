package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
)

// statusClientGone is nginx's status for a client that left before its response;
// it is in logs and metrics only.
const statusClientGone = 499

// response notes status and size of the response.
type response struct {
	http.ResponseWriter
	ctx    context.Context // the server's, done when the client leaves
	status int             // 0 until the header is written
	bytes  int64
}

// clientGone reports whether the client closed the connection. A deadline set
// further in is not seen here.
func (w *response) clientGone() bool { return errors.Is(w.ctx.Err(), context.Canceled) }

func (w *response) WriteHeader(status int) {
	if status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.status == 0 {
		if status >= http.StatusInternalServerError && status != http.StatusGatewayTimeout && w.clientGone() {
			// It failed because the client left, and the client will not read this:
			// otelhttp should not count it as the server's failure. A timeout is
			// none of it: net/http also cancels the context when the body was not
			// read in time, and then the client is still there.
			status = statusClientGone
		}
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (w *response) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	// A writer that cannot flush has nothing to be flushed.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker; what happens on the connection afterwards is
// not seen.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
