package localpg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	fastShutdown      = syscall.SIGINT
	immediateShutdown = syscall.SIGQUIT
	// pollInterval is how often we check whether the server responds; it has no signal for that.
	pollInterval = 20 * time.Millisecond
	// leftoverPatience bounds the wait for the sessions of a killed server, which end when they notice.
	leftoverPatience = 20 * time.Second
	// abandonPatience bounds the stop of a server that did not come up.
	abandonPatience = 5 * time.Second
)

// server is one run of the program.
type server struct {
	process *os.Process
	done    chan struct{}
	unlock  func()
}

var (
	errPortTaken = errors.New("the port is taken")
	errLeftovers = errors.New("sessions of a killed server still end")
)

// start runs the server and waits until it responds. With mayMove it takes another port when its own is busy.
// On success the server owns unlock.
func (c *Cluster) start(ctx context.Context, unlock func(), mayMove bool) error {
	deadline := time.Now().Add(leftoverPatience)
	for {
		if err := c.choosePort(mayMove); err != nil {
			return err
		}
		s, err := c.run(ctx)
		switch {
		case err == nil:
			s.unlock = unlock
			c.server = s
			return nil
		case errors.Is(err, errPortTaken) && mayMove:
			continue // Someone was quicker than us between the look and the start.
		case errors.Is(err, errLeftovers) && time.Now().Before(deadline):
			if err := pause(ctx, 10*pollInterval); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// choosePort keeps the port of the last start when it is free.
func (c *Cluster) choosePort(mayMove bool) error {
	old := c.state.Port
	if old != 0 && free(old) {
		return nil
	}
	if !mayMove {
		return fmt.Errorf("port %d, which PostgreSQL had, is taken by another program: %w", old, errPortTaken)
	}
	port := freePort()
	if port == 0 {
		return errors.New("no free port for PostgreSQL on 127.0.0.1 from 15000 to 32000")
	}
	if old != 0 {
		c.say("Port %d is taken by another program: PostgreSQL listens on %d from now on", old, port)
	}
	c.state.Port = port
	return c.state.save(c.dir)
}

// freePort is a port that is free now, 0 when there seems to be none. It lies below those that systems hand to
// outgoing connections: one of these could take ours while the server is down, and a client that retries on one of them
// could even connect to itself.
func freePort() int {
	for range 100 {
		if port := 15000 + rand.IntN(17000); free(port) { //nolint:gosec // a port is not a secret
			return port
		}
	}
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// run starts the program once and returns when the server responds or has ended.
func (c *Cluster) run(ctx context.Context) (*server, error) {
	defer c.slowly("Starting PostgreSQL %d …", c.programs.version)()
	logPath := filepath.Join(c.dir, "postgres.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()

	// The server outlives ctx, which bounds only the start.
	cmd := c.command(context.WithoutCancel(ctx), c.programs.path("postgres"), c.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd.SysProcAttr)
	s := &server{done: make(chan struct{})}
	if err := s.launch(cmd); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := c.awaitAnswer(ctx, s, logPath); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

func (c *Cluster) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.state.Port), "unix_socket_directories=",
		"cluster_name=driftsentry", "timezone=UTC", "log_timezone=UTC", "max_connections=200",
	}
	if c.opts.Fast {
		// Commits still reach the system, so a killed server loses nothing; only the disk is not waited for.
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	args := []string{"-D", c.data()}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}

// launch starts the process on a thread that lives as long as it: Linux sends the parent-death signal when the thread
// that started the process ends, not the whole parent.
func (s *server) launch(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // How it ended stands in its log; the callers look at that.
		close(s.done)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process = cmd.Process
	return nil
}

func (s *server) kill() {
	_ = s.process.Kill() // It fails only when the process has ended.
	<-s.done
}

// abandon ends a server that did not come up, without leaving it to recover if that can be helped.
func (s *server) abandon() {
	_ = s.process.Signal(fastShutdown) // It fails only when the process has ended.
	select {
	case <-s.done:
	case <-time.After(abandonPatience):
		s.kill()
	}
}

func (c *Cluster) awaitAnswer(ctx context.Context, s *server, logPath string) error {
	for {
		err := c.ping(ctx)
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "28P01" { // invalid_password
			return fmt.Errorf("the database in %s has another password than %s: remove both to start afresh", c.data(), filepath.Join(c.dir, "cluster.json"))
		}
		select {
		case <-s.done:
			return ended(logPath)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not respond: %w", errors.Join(context.Cause(ctx), err))
		case <-time.After(pollInterval):
		}
	}
}

func (c *Cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// ended reads from the log why the server ended during its start.
func ended(logPath string) error {
	raw, _ := os.ReadFile(logPath)
	text := strings.TrimSpace(string(raw))
	err := fmt.Errorf("PostgreSQL ended at once; its log %s says:\n%s", logPath, tail(text, 10))
	switch {
	case strings.Contains(text, "Address already in use"):
		return errors.Join(errPortTaken, err)
	case strings.Contains(text, "pre-existing shared memory block"):
		return errors.Join(errLeftovers, err)
	}
	return err
}

// stop sends the signal and waits; a server that does not end within ctx is killed.
func (c *Cluster) stop(ctx context.Context, signal syscall.Signal) error {
	s := c.server
	if s == nil {
		return nil
	}
	defer c.slowly("Stopping PostgreSQL …")()
	_ = s.process.Signal(signal) // It fails only when the process has ended.
	var err error
	select {
	case <-s.done:
	case <-ctx.Done():
		s.kill()
		err = fmt.Errorf("PostgreSQL did not stop in time and was killed: %w", context.Cause(ctx))
	}
	c.server = nil
	s.unlock()
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
