// Package crash keeps what the Go runtime says when it ends the process: a fatal
// error, a panic that nothing recovers, SIGABRT. The process itself can report
// none of it, so the next one does. A process that is killed says nothing at all,
// but leaves its file behind.
//
//	no file ──Open──▶ empty file ──Close──▶ no file
//	                    │ crash: the runtime writes into it
//	                    │ killed: it stays empty
//	                    ▼
//	                  Open of the next process: Last
package crash

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// maxOutput is how many bytes of the output are reported: its beginning tells the
// cause and the goroutine that ended the process.
const maxOutput = 16 << 10

// Last is how an earlier process ended without closing its file.
type Last struct {
	At     time.Time // when the file was last written
	Output string    // of the runtime; "" when the process was killed
}

// Message is the first line of the output, or that there is none.
func (l Last) Message() string {
	if l.Output == "" {
		return "the process was killed: there is no output of the runtime"
	}
	line, _, _ := strings.Cut(l.Output, "\n")
	return line
}

// File takes the output of this process. A nil File does nothing.
type File struct{ path string }

// Open gives what an earlier process left in the file, nil when it ended well or
// there was none, and lets the runtime write to the file from now on. Each
// replica needs a file of its own.
func Open(path string) (*File, *Last, error) {
	last, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, last, fmt.Errorf("make the directory of the crash output: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, last, fmt.Errorf("open the crash output: %w", err)
	}
	defer f.Close() // The runtime has a duplicate.
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return nil, last, fmt.Errorf("set the crash output: %w", err)
	}
	return &File{path}, last, nil
}

func read(path string) (*Last, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the crash output: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the crash output: %w", err)
	}
	output, err := io.ReadAll(io.LimitReader(f, maxOutput))
	if err != nil {
		return nil, fmt.Errorf("read the crash output: %w", err)
	}
	return &Last{info.ModTime(), strings.TrimSpace(string(output))}, nil
}

// Close says that the process ends well.
func (f *File) Close() error {
	if f == nil {
		return nil
	}
	err := debug.SetCrashOutput(nil, debug.CrashOptions{})
	return errors.Join(err, os.Remove(f.path))
}
