package plan

import (
	"bytes"
	"os"
	"testing"
)

func BenchmarkZZ(b *testing.B) {
	raw := []byte(worst(8 << 20)[os.Getenv("CASE")])
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Read(b.Context(), bytes.NewReader(raw), Options{Key: testKey}); err != nil {
			b.Fatal(err)
		}
	}
}
