package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/apidoc"
)

// The page has no scripts, and only its own style.
const pagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// outside are the routes outside of the prefix of the API: its own documents, and the keys of access tokens.
func (s *Server) outside() []route {
	list := []route{{http.MethodGet, "/.well-known/jwks.json", everyone, s.keySet, plain}}
	for _, d := range apidoc.Documents(s.options.PublicURL) {
		handler := func(w http.ResponseWriter, r *http.Request) error {
			h := w.Header()
			h.Set("Content-Type", d.ContentType)
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("Cache-Control", "no-cache")
			// Weak, because the same bytes are sent plain and compressed (RFC 9110, section 8.8.3.3).
			h.Set("ETag", "W/"+d.ETag)
			// No parts: thousands of them in one header would be a response that is much larger than its request.
			r.Header.Del("Range")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.Body))
			return nil
		}
		list = append(list, route{http.MethodGet, d.Path, everyone, handler, plain})
	}
	return list
}
