package flight

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/trace"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
)

// fill writes that many bytes.
func fill(size int) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(make([]byte, size))
		return err
	}
}

// The folder holds a bounded number of files and of bytes, the newest.
func TestFolder_bounds(t *testing.T) {
	for name, tc := range map[string]struct{ files, size, want int }{
		"files": {12, 10, maxFiles},
		"bytes": {5, 10 << 20, 3},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openFolder(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			other := filepath.Join(string(f), "notes.txt")
			if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			start := time.Now().Add(-time.Hour)
			for i := range tc.files {
				id := fmt.Sprintf("%032x", i+1)
				if size, err := f.write(id, Slow, fill(tc.size)); err != nil || size != int64(tc.size) {
					t.Fatalf("%d, %v", size, err)
				}
				// A file system may give several files the same time.
				if err := os.Chtimes(filepath.Join(string(f), Kept{TraceID: id, Reason: Slow}.file()), start, start.Add(time.Duration(i)*time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := f.list()
			if err != nil || len(kept) != tc.want {
				t.Fatalf("%d files, %v; want %d", len(kept), err, tc.want)
			}
			for i, k := range kept {
				if want := fmt.Sprintf("%032x", tc.files-i); k.TraceID != want {
					t.Errorf("file %d is %s, want %s", i, k.TraceID, want)
				}
			}
			if _, err := os.Stat(other); err != nil {
				t.Errorf("the file of another: %v", err)
			}
		})
	}
}

// What fails, or is too large, leaves nothing.
func TestFolder_write_fails(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, fill := range map[string]func(io.Writer) error{
		"too_large": fill(maxFile + 1),
		"an_error":  func(io.Writer) error { return errors.New("broken") },
	} {
		if _, err := f.write("0af7651916cd43dd8448eb211c80319c", Slow, fill); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if left, err := os.ReadDir(string(f)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A file that was half written when its process ended goes away at the next start.
func TestFolder_half_written(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"old": time.Hour, "new": 0} {
		file := filepath.Join(dir, name+unready)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openFolder(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "new"+unready {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What waits when the recorder closes is taken, since its access line has announced it.
func TestRecorder_writes_what_waits(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // a select chooses by chance
		r := &Recorder{
			recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{}), folder: f, log: slog.New(slog.DiscardHandler),
			kept: noop.Int64Counter{}, waiting: make(chan wanted, 1), closed: make(chan struct{}),
		}
		r.waiting <- wanted{t.Context(), "0af7651916cd43dd8448eb211c80319c", Slow}
		close(r.closed)
		r.writeAll()
		if len(r.waiting) > 0 {
			t.Fatal("it still waits")
		}
	}
}
