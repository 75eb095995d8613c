package rest

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/rs/cors"
)

// SecurityHeaders sets on every response the headers that browsers need from an API that serves no pages.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), securityHeaders)
		next.ServeHTTP(w, r)
	})
}

// securityHeaders are shared by all responses: a header that is added to one of them makes a list of its own.
var securityHeaders = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
	"Content-Security-Policy":      {"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	"Referrer-Policy":              {"no-referrer"},
	"Cross-Origin-Resource-Policy": {"cross-origin"},
	"Cache-Control":                {"no-store"},
}

// EndAmbiguous closes the connection after a request that states its length in two ways, so that no
// data behind it is read. net/http uses the chunks, under HTTP/1.0 the length, and forgets that the other was
// there; RFC 9112, sections 6.1 and 6.3, has the connection closed.
func EndAmbiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// CORS lets only pages of these origins call us. Their credentials are bearer tokens. Cookies are for pages of our own origin: no
// response allows credentials, or the header X-Session-Mode, which cookies need.
func CORS(origins []string) func(http.Handler) http.Handler {
	if len(origins) == 0 {
		// The library treats an empty list as every origin.
		return func(next http.Handler) http.Handler { return next }
	}
	allowed := cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Content-Encoding", "traceparent", "tracestate", "X-Correlation-ID", "Idempotency-Key", "If-None-Match",
			// Ignored here. SDKs in pages send them, and a browser sends nothing when one header is not allowed.
			"baggage", "sentry-trace",
		},
		ExposedHeaders: []string{
			"X-Correlation-ID", "Server-Timing", "Retry-After", "Allow", "Idempotent-Replayed", "Date", "ETag", "WWW-Authenticate",
		},
		MaxAge: int((10 * time.Minute).Seconds()),
	})
	return func(next http.Handler) http.Handler {
		return allowed.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Without it a page of another origin can't read Server-Timing, which carries the trace.
			if origin := r.Header.Get("Origin"); origin != "" && allowed.OriginAllowed(r) {
				w.Header().Set("Timing-Allow-Origin", origin)
			}
			next.ServeHTTP(w, r)
		}))
	}
}

// Deadline ends every request after timeout: its context, and then the reading of its body. In this order, because net/http
// cancels the context when a read fails, and a cancelled context would mean that the client is gone. What a handler left
// unread has one second more.
func Deadline(timeout time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			// A recorder in a test has no connection, and no deadline to set.
			conn := http.NewResponseController(w)
			_ = conn.SetReadDeadline(time.Now().Add(timeout + time.Second))
			ended := make(chan struct{})
			stop := context.AfterFunc(ctx, func() {
				defer close(ended)
				_ = conn.SetReadDeadline(time.Now())
			})
			defer func() {
				if !stop() {
					<-ended
				}
			}()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// NewServer makes a server whose every phase is bounded, except reading bodies, which Deadline bounds: a request
// may take longer than its headers. writeTimeout must exceed the time of the longest response.
func NewServer(handler http.Handler, writeTimeout time.Duration) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    64 << 10,
		// `OPTIONS *` also goes to the handler, which sets the headers of every response.
		DisableGeneralOptionsHandler: true,
	}
}
