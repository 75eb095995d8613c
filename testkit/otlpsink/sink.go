// Package otlpsink is an OpenTelemetry backend in memory: a receiver that speaks OTLP over gRPC, a bounded store of the
// traces and log records that arrive, and a rendering of one trace as a tree for the terminal. `make run` uses it in
// the place of a collector, and tests to look at what a service really sent.
package otlpsink

import (
	"context"
	"fmt"
	"net"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // What OTEL_EXPORTER_OTLP_COMPRESSION=gzip sends.
)

// maxMessage is the size of one export that is still accepted; the SDK's batches are far below it.
const maxMessage = 64 << 20

// Options bound a sink.
type Options struct {
	// Address is where to listen; the default is a free port on 127.0.0.1.
	Address string
	// MaxRecords bounds spans and log records together; past it the oldest traces go. The default is 100,000.
	MaxRecords int
}

// Sink is a running receiver. The embedded Store has what arrived.
type Sink struct {
	*Store
	listener net.Listener
	server   *grpc.Server
	done     chan struct{}
}

// Start listens and receives until Close.
func Start(opts Options) (*Sink, error) {
	if opts.Address == "" {
		opts.Address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", opts.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for OTLP: %w", err)
	}
	s := &Sink{
		Store: NewStore(opts.MaxRecords), listener: listener, done: make(chan struct{}),
		server: grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage)),
	}
	collectortrace.RegisterTraceServiceServer(s.server, traceService{store: s.Store})
	collectorlogs.RegisterLogsServiceServer(s.server, logsService{store: s.Store})
	collectormetrics.RegisterMetricsServiceServer(s.server, metricsService{store: s.Store})
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // It ends with Close, and with nothing else.
	}()
	return s, nil
}

// Addr is host:port.
func (s *Sink) Addr() string { return s.listener.Addr().String() }

// Endpoint is the value for OTEL_EXPORTER_OTLP_ENDPOINT.
func (s *Sink) Endpoint() string { return "http://" + s.Addr() }

// Close breaks the connections and waits for the receiver's end. The store stays readable.
func (s *Sink) Close() {
	s.server.Stop()
	<-s.done
}

type traceService struct {
	collectortrace.UnimplementedTraceServiceServer
	store *Store
}

func (s traceService) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	s.store.AddSpans(spansOf(r)...)
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

type logsService struct {
	collectorlogs.UnimplementedLogsServiceServer
	store *Store
}

func (s logsService) Export(_ context.Context, r *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	s.store.AddLogs(logsOf(r)...)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

type metricsService struct {
	collectormetrics.UnimplementedMetricsServiceServer
	store *Store
}

func (s metricsService) Export(_ context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	s.store.countMetrics(metricsIn(r))
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}
