// Package child runs programs that end with their parent. Each has its own process group, so that Ctrl-C reaches only the
// parent, which then stops them in its own order. On Linux the kernel stops them if the parent is killed.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs the program. Standard output and error go to out, which is closed when the program has ended.
func Start(name string, cmd *exec.Cmd, out io.WriteCloser) (*Process, error) {
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	// Do not wait for a grandchild that keeps the pipe open.
	cmd.WaitDelay = 5 * time.Second
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal comes when the starting thread ends, so this one waits for the program.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		_ = out.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Name is the program's name, as given to Start.
func (p *Process) Name() string { return p.name }

// PID is the program's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal. It is not an error if the program has ended.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended, once Done is closed: nil for exit status 0.
func (p *Process) Err() error { return p.err }

// Stop asks the program to end and waits. If ctx ends first, the program and all its children are killed.
func (p *Process) Stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It fails only when the program has ended.
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s did not stop in time and was killed: %w", p.name, context.Cause(ctx))
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// Kill kills the program and all its children, like a crash, and waits.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // It fails only when the program has ended.
	<-p.done
}
