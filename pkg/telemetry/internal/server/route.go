package server

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// unmatched stands for the route of a request that matches none.
const unmatched = "unmatched"

// defaultRoute is the pattern of the route that served the request: chi's when
// the middleware is inside chi's root router, else that of http.ServeMux. It is
// known only after the handler has run.
func defaultRoute(r *http.Request) string {
	rctx := chi.RouteContext(r.Context())
	if rctx == nil {
		// A pattern of ServeMux may begin with a method and a host.
		if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
			return r.Pattern[i:]
		}
		return ""
	}
	pattern := rctx.RoutePattern()
	if !strings.HasSuffix(pattern, "/*") || rctx.Routes == nil {
		return pattern
	}
	// Either a wildcard route, or a sub-router in which nothing matched.
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	if !rctx.Routes.Match(chi.NewRouteContext(), r.Method, path) {
		return ""
	}
	return pattern
}

// routeAhead is the pattern of the route that will serve a request of chi's router, which
// knows it itself only afterwards.
func routeAhead(r *http.Request) string {
	rctx := chi.RouteContext(r.Context())
	if rctx == nil || rctx.Routes == nil {
		return unmatched
	}
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	method := r.Method
	if method == http.MethodHead && !rctx.Routes.Match(chi.NewRouteContext(), method, path) {
		method = http.MethodGet // as chi's GetHead will have it
	}
	return cmp.Or(rctx.Routes.Find(chi.NewRouteContext(), method, path), unmatched)
}

// methodName is the method, or _OTHER for what a client made up.
func methodName(method string) string {
	switch method {
	case http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace:
		return method
	}
	return "_OTHER"
}

// spanMethod is the method in a span's name, where the conventions say HTTP for
// one that is not known.
func spanMethod(method string) string {
	if method = methodName(method); method == "_OTHER" {
		return "HTTP"
	}
	return method
}
