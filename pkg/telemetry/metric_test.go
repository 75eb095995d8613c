package telemetry_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"

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
	seconds, err := rec.Meter().Float64Histogram("db.client.operation.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	seconds.Record(t.Context(), 0.002)

	// The plain format, as curl gets it.
	w := httptest.NewRecorder()
	rec.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	metrics := w.Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",path="/",status="200"} 1`,
		`http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/",network_protocol_version="1.1",url_scheme="http",le="0.005"}`,
		`db_client_operation_duration_seconds_bucket{le="0.001"} 0`,
		`db_client_operation_duration_seconds_bucket{le="0.005"} 1`,
		`db_client_operation_duration_seconds_bucket{le="10"} 1`,
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
