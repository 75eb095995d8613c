//go:build stack

package stack

import (
	"encoding/hex"
	"math"
	"net"
	"testing"
	"time"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// otlp is a connection to a receiver of OTLP.
type otlp struct {
	traces collectortrace.TraceServiceClient
	logs   collectorlogs.LogsServiceClient
}

func dial(t *testing.T, address string) otlp {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // Nothing is under way any more.
	return otlp{collectortrace.NewTraceServiceClient(conn), collectorlogs.NewLogsServiceClient(conn)}
}

// serve starts a receiver of OTLP that takes any size, and returns its address.
func serve(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(math.MaxInt32))
	register(server)
	go func() { _ = server.Serve(listener) }() // It ends with Stop.
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func unhex(t *testing.T, id string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// nanos gives a time as OTLP and Loki write it: nanoseconds since 1970.
func nanos(at time.Time) uint64 { return uint64(at.Sub(time.Unix(0, 0))) }
