//go:build stack

package stack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/polling"
)

const (
	// patience bounds every wait. The longest is for a burn of the error budget to leave its window of half an hour.
	patience = 4 * time.Minute
	// stopPatience is what a program gets to stop before it is killed. Tempo's stop can hang.
	stopPatience = 20 * time.Second
	pollInterval = 200 * time.Millisecond
)

// program is one that runs, with what it printed in a file.
type program struct {
	*child.Process
	log string
	cmd func() *exec.Cmd
	out io.WriteCloser // instead of log, unless nil
}

// run starts a program, which ends with the test if not before.
func run(t *testing.T, dir, name string, environ []string, path string, args ...string) *program {
	t.Helper()
	return runTo(t, nil, dir, name, environ, path, args...)
}

// runTo is run with what the program prints going to out.
func runTo(t *testing.T, out io.WriteCloser, dir, name string, environ []string, path string, args ...string) *program {
	t.Helper()
	p := &program{out: out, log: filepath.Join(dir, name+".log"), cmd: func() *exec.Cmd {
		cmd := exec.Command(path, args...)
		cmd.Env, cmd.Dir = environ, dir
		return cmd
	}}
	p.start(t, name)
	t.Cleanup(func() {
		p.Kill() // What it has kept goes, too, and Tempo's stop can hang.
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, tail(p.log))
		}
	})
	return p
}

func (p *program) start(t *testing.T, name string) {
	t.Helper()
	var err error
	out := p.out
	if out == nil {
		if out, err = os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p.Process, err = child.Start(name, p.cmd(), out); err != nil {
		t.Fatal(err)
	}
}

// stop ends the program; one that was killed because it hung is only logged.
func (p *program) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stopPatience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Log(err)
		}
	}
}

// again starts the program that has ended, with what it kept.
func (p *program) again(t *testing.T) {
	t.Helper()
	p.start(t, p.Name())
}

func tail(path string) string {
	const most = 6000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = append([]byte("…"), text[len(text)-most:]...)
	}
	return string(bytes.TrimSpace(text))
}

// eventually repeats a check until it returns no error. Other programs work at their own speed, so it can only poll.
func eventually(t *testing.T, what string, try func(ctx context.Context) error) {
	t.Helper()
	polling.Until(t, what, patience, pollInterval, try)
}

// awaitOK waits until a URL of a program returns 200.
func awaitOK(t *testing.T, p *program, url string) {
	t.Helper()
	eventually(t, p.Name()+" is ready", func(ctx context.Context) error {
		select {
		case <-p.Done():
			t.Fatalf("%s ended: %v\n%s", p.Name(), p.Err(), tail(p.log))
		default:
		}
		_, err := get(ctx, url)
		return err
	})
}

var httpClient = http.Client{Timeout: 30 * time.Second}
