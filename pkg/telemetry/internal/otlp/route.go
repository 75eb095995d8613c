package otlp

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Route is where a signal leaves, as the environment has it.
type Route struct {
	// Exports is false without an endpoint, and with one that is none.
	Exports bool
	// Warnings name the variables that are not as they should be.
	Warnings []string

	http bool   // by HTTP with protobuf, else by gRPC
	url  string // instead of the variable's, when that was put right
}

// RouteOf reads where a signal leaves.
func RouteOf(signal Signal) Route {
	var r Route
	name, endpoint := first(variable(signal, "ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" || os.Getenv("OTEL_"+string(signal)+"_EXPORTER") == "none" {
		return r
	}
	switch name, protocol := first(variable(signal, "PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "grpc":
	case "http/protobuf":
		r.http = true
	default:
		r.warn("%s: %q is not supported, only grpc and http/protobuf: grpc is used", name, protocol)
	}
	address, ok := r.address(name, endpoint)
	if !ok {
		r.warn("%s is not an address such as http://otel-collector:4317: %s are not exported", name, strings.ToLower(string(signal)))
		return r
	}
	r.Exports = true
	if address == endpoint {
		return r // The exporter reads it itself.
	}
	r.url = address
	if r.http && name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		r.url, _ = url.JoinPath(address, "v1", strings.ToLower(string(signal)))
	}
	return r
}

// address puts an endpoint right whose scheme is missing or unknown. The
// exporters would take "otel-collector:4317" for a scheme, and export to nowhere.
func (r *Route) address(name, endpoint string) (string, bool) {
	scheme, rest, found := strings.Cut(endpoint, "://")
	switch {
	case !found:
		r.warn("%s has no scheme: http:// is assumed", name)
		endpoint = "http://" + endpoint
	case !slices.Contains([]string{"http", "https", "unix"}, scheme):
		r.warn("%s has the scheme %q: http:// is used", name, scheme)
		endpoint = "http://" + rest
	}
	u, err := url.Parse(endpoint)
	return endpoint, err == nil && (u.Host != "" || u.Scheme == "unix")
}

func (r *Route) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// first is the first of these variables that is set.
func first(names ...string) (name, value string) {
	for _, name = range names {
		if value = os.Getenv(name); value != "" {
			return name, value
		}
	}
	return name, ""
}
