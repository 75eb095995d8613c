//go:build stack

package stack

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// hop is a place between two programs, through which batches go.
type hop struct {
	mu      sync.Mutex
	largest int // bytes, uncompressed
	refused int
}

func (h *hop) measure(size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.largest = max(h.largest, size)
}

// poison marks an item that a store never takes, and says so with an error that invites to try again.
const poison = "the poison of a store"

// pass measures a batch, and reports whether it may go on.
func (h *hop) pass(batch []byte) bool {
	h.measure(len(batch))
	if !bytes.Contains(batch, []byte(poison)) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused++
	return false
}

func (h *hop) seen() (largest, refused int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.largest, h.refused
}

// traceHop is a hop in front of Tempo.
type traceHop struct {
	collectortrace.UnimplementedTraceServiceServer
	*hop
	store collectortrace.TraceServiceClient
}

func (h traceHop) Export(ctx context.Context, e *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	batch, err := proto.Marshal(e)
	if err != nil {
		return nil, err
	}
	if !h.pass(batch) {
		return nil, status.Error(codes.Unavailable, "try again")
	}
	return h.store.Export(ctx, e)
}

// beforeTempo starts a hop and returns its address.
func (h *hop) beforeTempo(t *testing.T, tempo string) string {
	t.Helper()
	return serve(t, func(server *grpc.Server) {
		collectortrace.RegisterTraceServiceServer(server, traceHop{hop: h, store: dial(t, tempo).traces})
	})
}

// beforeLoki starts a hop and returns its URL.
func (h *hop) beforeLoki(t *testing.T, loki string) string {
	t.Helper()
	target, err := url.Parse(loki)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // The collector has gone, and tries again.
		}
		batch, err := inflate(r, body)
		if err != nil {
			t.Errorf("a batch for Loki: %v", err)
		}
		if !h.pass(batch) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func inflate(r *http.Request, body []byte) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zip)
}
