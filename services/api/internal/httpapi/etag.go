package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Responses that depend on the account's stream alone have an ETag, which is made of the stream's head: while that stays, so does
// the response. It is weak, because it does not tell encodings apart.

// etag is the ETag of the response to a request of its caller, under the head. A response also depends on who asks, by their
// id and their email (who has read an alert), on what they may do, and on the version of the service.
func (s *Server) etag(r *http.Request, head list.Head) string {
	p := caller(r)
	var room [512]byte
	b := append(append(room[:0], p.AccountID[:]...), p.UserID[:]...)
	for _, part := range [...]string{s.options.Version, s.options.TraceURL, p.Email, string(p.Role), r.URL.Path, r.URL.RawQuery, string(head)} {
		b = append(append(b, part...), 0) // None has a NUL in it.
	}
	sum := sha256.Sum256(b)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// tag gives a response its ETag. Nothing is known about an unknown head.
func (s *Server) tag(w http.ResponseWriter, r *http.Request, head list.Head) {
	if head == "" {
		return
	}
	h := w.Header()
	h.Set("ETag", s.etag(r, head))
	h.Set("Cache-Control", "private, no-cache")
}

// conditional responds 304 to a caller that has the response already, after one look at the head of their stream.
func (s *Server) conditional(handler rest.Handler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		known := r.Header.Values("If-None-Match")
		if len(known) == 0 {
			return handler(w, r)
		}
		head, err := s.drifts.Head(r.Context(), caller(r))
		if err != nil {
			return err
		}
		if head == "" || !matches(known, s.etag(r, head)) {
			return handler(w, r)
		}
		s.tag(w, r, head)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
}

// maxTags bounds how many ETags are compared.
const maxTags = 100

// matches reports whether one of the tags, which commas separate, is this one. "*" is none: it asks whether there is anything at
// all, which only the handler knows.
func matches(headers []string, etag string) bool {
	opaque := strings.TrimPrefix(etag, "W/")
	n := 0
	for _, header := range headers {
		for tag := range strings.SplitSeq(header, ",") {
			n++
			if n > maxTags {
				return false
			}
			if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == opaque {
				return true
			}
		}
	}
	return false
}
