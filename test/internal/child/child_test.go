package child

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start runs a shell script and returns when it has printed "ready".
func start(t *testing.T, script string, files ...*os.File) *Process {
	t.Helper()
	r, w := io.Pipe()
	cmd := exec.Command("sh", "-c", script)
	cmd.ExtraFiles = files
	p, err := Start("script", cmd, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	buf := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != "ready\n" {
		t.Fatalf("the script says %q, %v", buf, err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return p
}

func TestProcess_Stop(t *testing.T) {
	t.Run("ends a program that obeys", func(t *testing.T) {
		p := start(t, `trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done`)
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		<-p.Done()
	})
	t.Run("reports an exit status that is not 0", func(t *testing.T) {
		p := start(t, `trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done`)
		if err := p.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "script: exit status 3") {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("kills one that does not, with what it started", func(t *testing.T) {
		// Each process holds the pipe's other end until it is gone.
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p := start(t, `trap '' TERM; sleep 1000 & echo ready; wait; while :; do sleep 1; done`, w)
		w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Stop(ctx); err == nil || !strings.Contains(err.Error(), "was killed") {
			t.Errorf("err = %v", err)
		}
		if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("what it started still runs: %v", err)
		}
	})
	t.Run("is a group of its own", func(t *testing.T) {
		p := start(t, `echo ready; sleep 1000`)
		group, err := syscall.Getpgid(p.cmd.Process.Pid)
		if err != nil || group != p.cmd.Process.Pid {
			t.Errorf("process group %d, %v, want %d", group, err, p.cmd.Process.Pid)
		}
	})
}

func TestStart_of_what_is_not_there(t *testing.T) {
	_, w := io.Pipe()
	if _, err := Start("api", exec.Command("/does/not/exist"), w); err == nil || !strings.HasPrefix(err.Error(), "start api: ") {
		t.Errorf("err = %v", err)
	}
}
