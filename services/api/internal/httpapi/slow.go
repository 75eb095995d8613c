package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// recheckAfter is how long a body may take, or an export, before its caller is looked at again. With what the cache may be late, a right that was
// lost is then gone within 10 s, also from a request that began before and sends its body slowly.
const recheckAfter = 5 * time.Second

// slowBody is a request's body. When it has come slowly, its end is an error unless the sender still may do this.
type slowBody struct {
	io.ReadCloser
	began   time.Time
	patient time.Duration
	again   func() error
}

// Read implements io.Reader.
func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && time.Since(b.began) >= b.patient {
		if refused := b.again(); refused != nil {
			return n, refused
		}
	}
	return n, err
}

// recheck makes the end of a slow body depend on whether its sender still may do this.
func (s *Server) recheck(r *http.Request, a access) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	r.Body = &slowBody{r.Body, time.Now(), s.recheckAfter, func() error { return s.stillMay(r, a) }}
}

// stillMay says why the caller may not do this any more; nil when it is as before.
func (s *Server) stillMay(r *http.Request, a access) error {
	p, err := s.identity.Reauthenticate(r.Context(), callOf(r).credential)
	if err != nil {
		return err
	}
	return a.allows(p)
}
