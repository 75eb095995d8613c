package plan

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func deflate(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestInflate(t *testing.T) {
	raw := fixture(t, "normal_tf1.11.4.json")
	z, err := Inflate(bytes.NewReader(deflate(t, []byte(raw))), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := readUnpacked(z, Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(read(t, raw), p, cmpopts.IgnoreUnexported(Plan{}, Change{})); d != "" {
		t.Error(d)
	}
	t.Run("a large plan is not a zip bomb", func(t *testing.T) {
		raw := generate(4<<20, 100)
		z, err := Inflate(bytes.NewReader(deflate(t, raw)), DefaultMaxBytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(t.Context(), z, Options{Key: testKey}); err != nil {
			t.Error(err)
		}
	})
}

func TestInflate_errors(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i, x := range noise {
		noise[i] = x + byte(i*i>>3)
	}
	small := deflate(t, []byte(drifted()))
	corrupt := bytes.Clone(small)
	corrupt[len(corrupt)-6] ^= 1 // in the checksum
	bomb := deflate(t, []byte(drifted()+strings.Repeat(" ", 32<<20)))
	for _, tt := range []struct {
		name  string
		gz    []byte
		limit int64
		large bool
		says  string
	}{
		{"no gzip", []byte("{}{}{}{}{}{}"), 1 << 20, false, "damaged"},
		{"nothing", nil, 1 << 20, false, "damaged"},
		{"cut off", small[:len(small)-9], 1 << 20, false, "damaged"},
		{"wrong checksum", corrupt, 1 << 20, false, "damaged"},
		{"over the limit", deflate(t, noise), 1000, true, "larger than 1000 bytes"},
		{"one byte over the limit", small, int64(len(drifted())) - 1, true, "larger than"},
		{"two members over the limit", append(bytes.Clone(small), small...), int64(len(drifted())) + 1, true, "larger than"},
		{"a bomb within the limit", bomb, 64 << 20, true, "implausible"},
		{"a bomb in a bomb", deflate(t, bytes.Repeat(bomb, 200)), 64 << 20, false, "compressed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z, err := Inflate(bytes.NewReader(tt.gz), tt.limit)
			if err == nil {
				_, err = Read(t.Context(), z, Options{Key: testKey})
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || !strings.Contains(e.Message, tt.says) || errors.Is(err, ErrTooLarge) != tt.large {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a failing reader is not an input error", func(t *testing.T) {
		broken := errors.New("broken pipe")
		for _, start := range [][]byte{nil, small[:20]} {
			z, err := Inflate(io.MultiReader(bytes.NewReader(start), iotest.ErrReader(broken)), 1<<20)
			if err == nil {
				_, err = Read(t.Context(), z, Options{Key: testKey})
			}
			if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", len(start), err)
			}
		}
	})
}
