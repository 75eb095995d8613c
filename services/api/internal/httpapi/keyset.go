package httpapi

import "net/http"

// keySet serves the public keys of access tokens to third parties, without the envelope: it is RFC 7517's format. They may
// keep it for five minutes, so a new key is published that long before it signs.
func (s *Server) keySet(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(s.options.JWKS)
	return err
}
