package httpapi

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// minCompressed is the size from which responses are compressed, in bytes.
const minCompressed = 1 << 10

// compressed compresses the responses of a route that reads, if the client asks for it. Those to a POST may have a secret beside
// what the caller sent, whose size would tell about the secret.
func compressed(handler http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(false), gzhttp.ContentTypes([]string{"application/json", "application/x-ndjson", "text/csv"}),
	)
	if err != nil {
		panic(err) // The options are constants.
	}
	wrapped := wrap(handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "" {
			w.Header().Add("Vary", "Accept-Encoding")
			handler.ServeHTTP(w, r)
			return
		}
		wrapped.ServeHTTP(w, r)
	})
}
