package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// A setting of telemetry never decides whether a service lives.
func TestStart_wrong_settings(t *testing.T) {
	for name, tc := range map[string]struct {
		variable, value string
		exports         bool
	}{
		"resource_attributes_that_end_in_a_comma": {"OTEL_RESOURCE_ATTRIBUTES", "team=infra,", true},
		"a_protocol_that_is_not_supported":        {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", true},
		"an_endpoint_that_is_no_address":          {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://%zz", false},
		"an_endpoint_without_a_host":              {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", false},
	} {
		t.Run(name, func(t *testing.T) {
			sink, err := otlpsink.Start(otlpsink.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			t.Setenv(tc.variable, tc.value)
			var out lockedBuffer
			tel, id := start(t, sink.Endpoint(), &out, patience)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, _ := sink.Trace(id); (len(got.Spans) == 1) != tc.exports || len(got.Logs) != 1 {
				t.Errorf("%d spans and %d lines were exported", len(got.Spans), len(got.Logs))
			}
			if n := strings.Count(out.String(), `"warning":"`+tc.variable); n != 1 {
				t.Errorf("%d lines warn of %s:\n%s", n, tc.variable, out.String())
			}
		})
	}
}

func TestStart_endpoint_without_scheme(t *testing.T) {
	for _, scheme := range []string{"", "grpc://"} {
		t.Run("scheme_"+strings.TrimSuffix(scheme, "://"), func(t *testing.T) {
			sink, err := otlpsink.Start(otlpsink.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			var out lockedBuffer
			tel, id := start(t, scheme+strings.TrimPrefix(sink.Endpoint(), "http://"), &out, patience)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, _ := sink.Trace(id); len(got.Spans) != 1 || len(got.Logs) != 1 {
				t.Errorf("%d spans and %d lines were exported", len(got.Spans), len(got.Logs))
			}
			if !strings.Contains(out.String(), `"warning":"OTEL_EXPORTER_OTLP_ENDPOINT has`) {
				t.Errorf("no line warns of the endpoint:\n%s", out.String())
			}
		})
	}
}

// OTLP by HTTP goes to the paths of the specification, whether or not the endpoint has a scheme.
func TestOTLP_http(t *testing.T) {
	for _, scheme := range []string{"http://", ""} {
		t.Run("scheme_"+strings.TrimSuffix(scheme, "://"), func(t *testing.T) {
			var mu sync.Mutex
			bodies := map[string]string{}
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				defer mu.Unlock()
				bodies[r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")] += string(body)
			}))
			defer collector.Close()
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
			tel, _ := start(t, scheme+strings.TrimPrefix(collector.URL, "http://")+"/base", io.Discard, patience)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{"traces": "GET /things/{id}", "logs": "request"} {
				if body := bodies["POST /base/v1/"+path+" application/x-protobuf"]; !strings.Contains(body, want) {
					t.Errorf("%s: there is no %q in %q of %v", path, want, body, len(bodies))
				}
			}
		})
	}
}
