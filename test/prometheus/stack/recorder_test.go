//go:build stack

package stack

import (
	"context"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// recorder stands between the services and the collector and keeps what the collector has acknowledged: that, a restart
// of a store must not lose.
type recorder struct {
	collectortrace.UnimplementedTraceServiceServer
	*otlpsink.Sink
	collector, kept otlp
	spans, lines    hop
}

func (r *recorder) Export(ctx context.Context, e *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	r.spans.measure(proto.Size(e))
	answer, err := r.collector.traces.Export(ctx, e)
	if err == nil {
		_, err = r.kept.traces.Export(ctx, e)
	}
	return answer, err
}

// logRecorder is the recorder's side for logs.
type logRecorder struct {
	collectorlogs.UnimplementedLogsServiceServer
	*recorder
}

func (r logRecorder) Export(ctx context.Context, e *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	r.lines.measure(proto.Size(e))
	answer, err := r.collector.logs.Export(ctx, e)
	if err == nil {
		_, err = r.kept.logs.Export(ctx, e)
	}
	return answer, err
}

// record starts a recorder in front of the collector and returns its address.
func record(t *testing.T, r *recorder, collector string) string {
	t.Helper()
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	r.Sink, r.collector, r.kept = sink, dial(t, collector), dial(t, sink.Addr())
	return serve(t, func(server *grpc.Server) {
		collectortrace.RegisterTraceServiceServer(server, r)
		collectorlogs.RegisterLogsServiceServer(server, logRecorder{recorder: r})
	})
}
