package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// BenchmarkBulk decides about 500 drifts in one request, and takes it back in another.
func BenchmarkBulk(b *testing.B) {
	s := startBench(b, func(c *telemetry.Config) { c.Disabled = true })
	bodies := make([][]byte, 2)
	for i, action := range []string{"approve", "reopen"} {
		var err error
		bodies[i], err = json.Marshal(map[string]any{"action": action, "reason": "agreed with the network team", "ids": s.ids[:500]})
		must(b, err)
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		text := s.post(b, "drifts/bulk", bodies[i%2])
		if !bytes.HasPrefix(text, []byte(`{"success":true,"data":{"decided":500,`)) {
			b.Fatalf("%.300s", text)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}

// BenchmarkExport exports 100,000 drifts. Besides the time, it reports the most memory of the heap that was in use, by service and client
// together.
func BenchmarkExport(b *testing.B) {
	s := startBench(b, func(c *telemetry.Config) { c.Disabled = true })
	_, err := s.db.Exec(b.Context(), seed+" on conflict do nothing", manyDrifts)
	must(b, err)
	_, err = s.db.Exec(b.Context(), "vacuum analyze drift")
	must(b, err)
	for _, format := range []string{"csv", "ndjson"} {
		b.Run(format, func(b *testing.B) {
			most, size := uint64(0), int64(0)
			runtime.GC()
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf("http://%s/api/v1/drifts/export?format=%s", s.address, format), http.NoBody)
				must(b, err)
				req.Header.Set("Authorization", "Bearer "+s.token)
				req.Header.Set("Accept-Encoding", "identity")
				res, err := http.DefaultClient.Do(req)
				must(b, err)
				var memory runtime.MemStats
				for size = 0; err == nil; {
					var n int64
					n, err = io.CopyN(io.Discard, res.Body, 1<<20)
					size += n
					runtime.ReadMemStats(&memory)
					most = max(most, memory.HeapInuse)
				}
				must(b, res.Body.Close())
				if err != io.EOF { //nolint:errorlint // CopyN gives it as it is.
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
			b.ReportMetric(float64(size)/(1<<20), "MiB")
		})
	}
	b.Run("groups", func(b *testing.B) {
		for b.Loop() {
			s.get(b, "drifts/groups")
		}
	})
}

func (s *benched) post(b *testing.B, path string, body []byte) []byte {
	b.Helper()
	return s.call(b, http.MethodPost, path, bytes.NewReader(body))
}

func (s *benched) get(b *testing.B, path string) {
	b.Helper()
	s.call(b, http.MethodGet, path, http.NoBody)
}

func (s *benched) call(b *testing.B, method, path string, body io.Reader) []byte {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, "http://"+s.address+"/api/v1/"+path, body)
	must(b, err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	must(b, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(b, err)
	if res.StatusCode != http.StatusOK {
		b.Fatalf("%d %s", res.StatusCode, text)
	}
	return text
}
