package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// maxPending is how many bytes of log lines wait for a slow reader.
const maxPending = 1 << 20

var newline = []byte{'\n'}

// asyncWriter hands lines to a goroutine that writes them out, so that a pipe
// without a reader holds up no request. Lines beyond maxPending are dropped and counted.
// While one batch is being written the next one gathers: under load the lines
// of many requests leave in one system call.
type asyncWriter struct {
	out     io.Writer
	dropped atomic.Int64

	mu      sync.Mutex
	pending []byte
	spare   []byte
	closed  bool

	wake chan struct{} // has something when there is work
	done chan struct{} // closed when the goroutine has written everything
	// idle is closed when all that was pending when it was made is written.
	idle chan struct{}
}

func newAsyncWriter(out io.Writer) *asyncWriter {
	w := &asyncWriter{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one whole line and never blocks or fails. After Close it writes
// through, if the output was able to take all that came before.
func (w *asyncWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		select {
		case <-w.done:
			return w.out.Write(line)
		default:
		}
	}
	if w.closed || len(w.pending)+len(line) > maxPending {
		w.dropped.Add(1)
		return len(line), nil
	}
	w.pending = append(w.pending, line...)
	w.signal()
	return len(line), nil
}

// signal wakes the goroutine; mu is held.
func (w *asyncWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *asyncWriter) run() {
	defer close(w.done)
	for range w.wake {
		for {
			w.mu.Lock()
			batch, idle, closed := w.pending, w.idle, w.closed
			if len(batch) == 0 {
				w.idle = nil
				w.mu.Unlock()
				if idle != nil {
					close(idle)
				}
				if closed {
					return
				}
				break
			}
			w.pending, w.spare = w.spare[:0], nil
			w.mu.Unlock()

			// An output that fails has no better place to complain to: what it did not take, is counted.
			if n, err := w.out.Write(batch); err != nil {
				w.dropped.Add(int64(bytes.Count(batch[max(0, min(n, len(batch))):], newline)))
			}

			w.mu.Lock()
			w.spare = batch[:0]
			w.mu.Unlock()
		}
	}
}

// Flush waits until what was written so far is out, or the context is done.
func (w *asyncWriter) Flush(ctx context.Context) error {
	w.mu.Lock()
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.signal()
	w.mu.Unlock()
	select {
	case <-idle:
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("flush log output: %w", ctx.Err())
	}
	return nil
}

// Close flushes and ends the goroutine, unless the output is stuck: then it
// returns when the context is done.
func (w *asyncWriter) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush log output: %w", ctx.Err())
	}
}
