package telemetry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMetrics_Exemplars(t *testing.T) {
	rec := telemetrytest.Start(t)
	r := httptest.NewRequest("GET", "/", nil)
	// Longer than the labels of an exemplar may be.
	r.Host = strings.Repeat("h", 200) + ".example"
	w := serve(rec, telemetry.HTTPOptions{}, r, get("/", ok))
	id := w.Header().Get("X-Correlation-ID")
	metrics := rec.Metrics()
	for _, name := range []string{"http_server_request_duration_seconds_bucket", "http_requests_total"} {
		if sample(t, metrics, name, ` # {`, `trace_id="`+id+`"`, `span_id="`) == "" {
			t.Errorf("%s has no exemplar of trace %s:\n%s", name, id, metrics)
		}
	}
	if strings.Contains(metrics, "hhh") {
		t.Errorf("the Host header is in the metrics:\n%s", metrics)
	}
	if !strings.HasSuffix(metrics, "# EOF\n") {
		t.Error("the text is not OpenMetrics")
	}
}

func TestMetrics_HostMakesNoSeries(t *testing.T) {
	rec := telemetrytest.Start(t)
	for i := range 50 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = fmt.Sprintf("host-%d.example:%d", i, 1000+i)
		serve(rec, telemetry.HTTPOptions{}, r, get("/", ok))
	}
	metrics := rec.Metrics()
	if n := strings.Count(metrics, "\nhttp_server_request_duration_seconds_count{"); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
	for _, label := range []string{"server_address", "server_port", "otel_scope"} {
		if strings.Contains(metrics, label) {
			t.Errorf("%s is a label:\n%s", label, metrics)
		}
	}
}

func TestMetrics_Names(t *testing.T) {
	rec := telemetrytest.Start(t)
	serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))

	// The plain format, as curl gets it.
	w := httptest.NewRecorder()
	rec.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	metrics := w.Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",path="/",status="200"} 1`,
		`http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/",network_protocol_version="1.1",url_scheme="http",le="0.005"}`,
		`telemetry_log_dropped_total{output="stdout"} 0`,
		`otel_sdk_span_started_total{`,
		`go_goroutine_count `,
		`process_start_time_seconds `,
		`target_info{deployment_environment_name="test",`,
		`service_instance_id="test-1",service_name="test",service_version="1.2.3"`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in:\n%s", want, metrics)
		}
	}
	for _, unwanted := range []string{"http_server_request_body_size", "http_server_response_body_size"} {
		if strings.Contains(metrics, unwanted) {
			t.Errorf("%s is there", unwanted)
		}
	}
}

// A failure has its type on the duration, so that rates and latencies of errors are one query.
func TestMetrics_ErrorType(t *testing.T) {
	rec := telemetrytest.Start(t)
	for path, status := range map[string]int{"/good": 200, "/missing": 404, "/broken": 503} {
		serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", path, nil), get(path, func(w http.ResponseWriter, r *http.Request) {
			if status == 503 {
				telemetry.SetError(r.Context(), "SERVICE_UNAVAILABLE", errors.New("no database"), false)
			}
			w.WriteHeader(status)
		}))
	}
	metrics := rec.Metrics()
	const name = "http_server_request_duration_seconds_count"
	if sample(t, metrics, name, `http_route="/broken"`, `error_type="SERVICE_UNAVAILABLE"`) == "" {
		t.Errorf("the failure has no type:\n%s", metrics)
	}
	for _, route := range []string{"/good", "/missing"} {
		if got := sample(t, metrics, name, `http_route="`+route+`"`); got == "" || strings.Contains(got, "error_type") {
			t.Errorf("%s: %q", route, got)
		}
	}
}

func TestMetrics_ActiveRequests(t *testing.T) {
	rec := telemetrytest.Start(t)
	var during string
	router := get("/", func(http.ResponseWriter, *http.Request) {
		during = sample(t, rec.Metrics(), "http_server_active_requests", `http_request_method="GET"`, `url_scheme="http"`)
		panic(http.ErrAbortHandler) // Even then it ends.
	})
	func() {
		defer func() { _ = recover() }()
		serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), router)
	}()
	if !strings.HasSuffix(during, " 1.0") && !strings.HasSuffix(during, " 1") {
		t.Errorf("during a request: %q", during)
	}
	if after := sample(t, rec.Metrics(), "http_server_active_requests"); !strings.HasSuffix(after, " 0.0") && !strings.HasSuffix(after, " 0") {
		t.Errorf("after it: %q", after)
	}
}

// A bucket for each timeout: what ends there is told apart from what takes longer.
func TestMetrics_BucketsReachTheTimeouts(t *testing.T) {
	rec := telemetrytest.Start(t)
	serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", ok))
	if sample(t, rec.Metrics(), "http_server_request_duration_seconds_bucket", `le="30.0"`) == "" {
		t.Error("REQUEST_TIMEOUT, 30 s, is beyond the last bucket")
	}
}
