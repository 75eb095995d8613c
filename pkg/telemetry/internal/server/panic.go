package server

import (
	"errors"
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/origin"
	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/request"
)

// handle runs the handler and turns its panic into a response.
func (m middleware) handle(res *response, r *http.Request, req *request.Request) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			req.Aborted = true // the handler's way to hang up
			return
		}
		err := origin.Recovered(value)
		req.SetError(codeInternal, err, true)
		if res.status != 0 {
			// The client must not take half a response for a whole one.
			req.Aborted = true
			return
		}
		m.respondToPanic(res, r, err)
	}()
	m.next.ServeHTTP(res, r)
}

const codeInternal = "INTERNAL_SERVER_ERROR"

// respondToPanic survives a panic of the response, too.
func (m middleware) respondToPanic(res *response, r *http.Request, err error) {
	defer func() {
		if recover() != nil && res.status == 0 {
			http.Error(res, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	}()
	// What the handler said of the response that it did not give.
	for _, name := range []string{"Cache-Control", "Content-Encoding", "Content-Length", "Content-Type", "Etag", "Last-Modified"} {
		res.Header().Del(name)
	}
	m.options.Panic(res, r, err)
}
