// Package replica runs the two services as several processes on fixed loopback ports, as an orchestrator would, so that
// tests can kill, freeze, stop and start them.
package replica

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
)

// Patient are settings that tolerate a busy machine. They stay below a client's timeout of a minute.
var Patient = []string{
	"REQUEST_TIMEOUT=50s", "DATABASE_CONNECT_TIMEOUT=40s", "DATABASE_ACQUIRE_TIMEOUT=40s", "DATABASE_STATEMENT_TIMEOUT=40s",
	"DATABASE_LOCK_TIMEOUT=40s",
}

// Programs are the paths of the built services.
type Programs struct{ API, Realtime string }

// Build compiles both services into a folder. Flags are go build's.
func Build(ctx context.Context, dir string, flags ...string) (Programs, error) {
	return BuildFrom(ctx, "", dir, flags...)
}

// BuildFrom is Build of another checkout than this one.
func BuildFrom(ctx context.Context, checkout, dir string, flags ...string) (Programs, error) {
	p := Programs{API: filepath.Join(dir, "api"), Realtime: filepath.Join(dir, "realtime")}
	for name, program := range map[string]string{"api": p.API, "realtime": p.Realtime} {
		if err := Compile(ctx, checkout, program, "services/"+name+"/cmd/"+name, flags...); err != nil {
			return Programs{}, err
		}
	}
	return p, nil
}

// Compile builds a package of the project, given without the project's own path, in the checkout ("" is this one). Flags are go build's.
func Compile(ctx context.Context, checkout, program, of string, flags ...string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", program}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/driftsentry/driftsentry/"+of)...)
	cmd.Dir = checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", of, err, out)
	}
	return nil
}

// Replica is a service that can be started several times: its port and its log stay the same.
type Replica struct {
	Name    string // api-1
	Program string
	Environ []string // all of its environment but PORT
	Port    int
	LogPath string
	// Stdout replaces the log, where that is the fault.
	Stdout string
	// Attributes change how the process is made, where that is the fault.
	Attributes func(*exec.Cmd)

	mu      sync.Mutex
	process *child.Process
}

// New gives a replica a free port and a log in dir.
func New(dir, name, program string, environ []string) (*Replica, error) {
	port, err := loopback.FreePort()
	if err != nil {
		return nil, err
	}
	return &Replica{Name: name, Program: program, Environ: slices.Clone(environ), Port: port, LogPath: filepath.Join(dir, name+".log")}, nil
}

// URL is where it serves HTTP.
func (r *Replica) URL() string { return "http://" + r.Address() }

// Address is its host and port.
func (r *Replica) Address() string { return "127.0.0.1:" + strconv.Itoa(r.Port) }

// Start runs the program; AwaitReady waits for it.
func (r *Replica) Start() error {
	out := r.Stdout
	if out == "" {
		out = r.LogPath
	}
	log, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // A test's log.
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", r.Name, err)
	}
	cmd := exec.Command(r.Program, "serve") //nolint:noctx // It ends by signals alone.
	cmd.Env = append(slices.Clone(r.Environ), "PORT="+strconv.Itoa(r.Port))
	if r.Attributes != nil {
		r.Attributes(cmd)
	}
	p, err := child.Start(r.Name, cmd, log)
	if err != nil {
		return errors.Join(err, log.Close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process = p
	return nil
}

func (r *Replica) current() *child.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// Signal sends a signal to the running process.
func (r *Replica) Signal(s syscall.Signal) error { return r.current().Signal(s) }

// PID is the running process's.
func (r *Replica) PID() int { return r.current().PID() }

// Done is closed when the process has ended.
func (r *Replica) Done() <-chan struct{} { return r.current().Done() }

// Stop sends SIGTERM and waits for a clean end.
func (r *Replica) Stop(ctx context.Context) error { return r.current().Stop(ctx) }

// Kill ends the process with SIGKILL and waits for that.
func (r *Replica) Kill() error {
	p := r.current()
	err := p.Signal(syscall.SIGKILL)
	<-p.Done()
	return err
}

// Restart starts the program again after its end and waits until it is ready.
func (r *Replica) Restart(ctx context.Context) error {
	if err := r.Start(); err != nil {
		return err
	}
	return r.AwaitReady(ctx)
}

var probe = http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Ready asks the replica once whether it is ready.
func (r *Replica) Ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/health/ready", http.NoBody)
	if err != nil {
		return false
	}
	res, err := probe.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// AwaitReady asks until it is ready, as an orchestrator's probe does.
func (r *Replica) AwaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !r.Ready(ctx) {
		select {
		case <-tick.C:
		case <-r.Done():
			return fmt.Errorf("%s ended before it was ready: %w\n%s", r.Name, r.current().Err(), r.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", r.Name, context.Cause(ctx), r.LogTail())
		}
	}
	return nil
}

// Log is all that its processes printed.
func (r *Replica) Log() string {
	text, _ := os.ReadFile(r.LogPath) // A replica that never started has none.
	return string(text)
}

// LogTail is the end of Log.
func (r *Replica) LogTail() string {
	const most = 4000
	text := r.Log()
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}

// CreateUser makes a user with the api program, as an operator does.
func CreateUser(ctx context.Context, program string, environ []string, account, email, role, password string) error {
	cmd := exec.CommandContext(ctx, program, "user", "create", "--account", account, "--email", email, "--name", role, "--role", role, "--password-stdin")
	cmd.Env = environ
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("create the user %s: %w\n%s", email, err, out)
	}
	return nil
}
