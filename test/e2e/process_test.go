package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// process is one of the services as its users run it: the built program, with its configuration in the environment.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and all it printed was read
	err  error         // of its end; valid after done

	mu     sync.Mutex
	lines  []map[string]any
	raw    bytes.Buffer
	stderr bytes.Buffer
	more   chan struct{} // closed and renewed with every line
}

// start runs the program and reads its log. The test ends it if it did not end by itself.
func start(t *testing.T, name, program string, environ []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, done: make(chan struct{}), more: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = environ
	p.cmd.Stderr = &lockedWriter{mu: &p.mu, w: &p.stderr}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.read(stdout)
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s printed:\n%s%s", name, tail(p.output()), tail(p.errorOutput()))
		}
		if strings.Contains(p.errorOutput(), "WARNING: DATA RACE") {
			t.Errorf("%s has a data race:\n%s", name, p.errorOutput())
		}
	})
	return p
}

func tail(s string) string {
	const most = 12_000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

func (p *process) read(stdout io.Reader) {
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadBytes('\n')
		p.mu.Lock()
		p.raw.Write(line)
		var fields map[string]any
		if json.Unmarshal(line, &fields) == nil {
			p.lines = append(p.lines, fields)
		}
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

func (p *process) errorOutput() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// logs are the lines so far.
func (p *process) logs() []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]map[string]any(nil), p.lines...)
}

// waitLog blocks until a line matches, and returns it.
func (p *process) waitLog(t *testing.T, what string, match func(map[string]any) bool) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for next := 0; ; {
		p.mu.Lock()
		lines, more := p.lines, p.more
		p.mu.Unlock()
		for ; next < len(lines); next++ {
			if match(lines[next]) {
				return lines[next]
			}
		}
		select {
		case <-more:
		case <-p.done:
			t.Fatalf("%s ended (%v) and never logged %s", p.name, p.err, what)
		case <-ctx.Done():
			t.Fatalf("%s never logged %s", p.name, what)
		}
	}
}

// stop sends SIGTERM and returns the exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	return p.wait(t)
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		t.Fatalf("%s did not end", p.name)
		return -1
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(b)
}
