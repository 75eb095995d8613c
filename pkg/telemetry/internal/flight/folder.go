package flight

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// What may be in the folder. The replicas on one host share it.
const (
	maxFiles  = 8
	maxBytes  = 32 << 20
	maxFile   = 16 << 20
	extension = ".trace"
	unready   = ".unready"
)

// folder has the files of traces, TRACE_ID.REASON.trace.
type folder string

// Kept is a trace that is there.
type Kept struct {
	TraceID string    `json:"traceId"`
	Reason  Reason    `json:"reason"`
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes"`
}

func (k Kept) file() string { return k.TraceID + "." + string(k.Reason) + extension }

// openFolder makes the folder, and removes what a process left that was ended
// while it wrote.
func openFolder(dir string) (folder, error) {
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "execution-traces-")
	} else {
		err = os.MkdirAll(dir, 0o750)
	}
	if err != nil {
		return "", fmt.Errorf("make the folder of execution traces: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+unready))
	if err != nil {
		return "", fmt.Errorf("read the folder of execution traces: %w", err)
	}
	for _, name := range left {
		// Another replica may be writing this very moment.
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(name)
		}
	}
	return folder(dir), nil
}

// write makes a file of what fill writes, and removes the oldest ones that are too
// many. It gives the size.
func (f folder) write(traceID string, reason Reason, fill func(io.Writer) error) (int64, error) {
	out, err := os.CreateTemp(string(f), "*"+unready)
	if err != nil {
		return 0, fmt.Errorf("make the file: %w", err)
	}
	bounded := &boundedWriter{w: out, left: maxFile}
	err = errors.Join(fill(bounded), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(string(f), Kept{TraceID: traceID, Reason: reason}.file()))
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("write the file: %w", err), os.Remove(out.Name()))
	}
	return maxFile - bounded.left, f.prune()
}

// prune removes the oldest files until the others fit.
func (f folder) prune() error {
	all, err := f.list()
	if err != nil {
		return err
	}
	var files int
	var bytes int64
	for _, k := range all {
		files++
		bytes += k.Bytes
		if files <= maxFiles && bytes <= maxBytes {
			continue
		}
		if err := os.Remove(filepath.Join(string(f), k.file())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old execution trace: %w", err)
		}
	}
	return nil
}

// list gives the files, the newest first. Files of others are none of them.
func (f folder) list() ([]Kept, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, fmt.Errorf("read the folder of execution traces: %w", err)
	}
	var all []Kept
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), extension)
		id, reason, named := strings.Cut(name, ".")
		if _, valid := tracing.ParseTraceID(id); !ok || !named || !valid || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // Another replica has removed it.
		}
		if err != nil {
			return nil, fmt.Errorf("read the folder of execution traces: %w", err)
		}
		all = append(all, Kept{TraceID: id, Reason: Reason(reason), At: info.ModTime().UTC(), Bytes: info.Size()})
	}
	slices.SortFunc(all, func(a, b Kept) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.TraceID, b.TraceID)) })
	return all, nil
}

// boundedWriter fails when more comes than it may take.
type boundedWriter struct {
	w    io.Writer
	left int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fmt.Errorf("the trace is larger than %d MiB", maxFile>>20)
	}
	n, err := b.w.Write(p)
	b.left -= int64(n)
	return n, err
}
