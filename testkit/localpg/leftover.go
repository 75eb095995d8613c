package localpg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// clearLeftovers deals with what a killed process left: a server that still runs, or a pid file whose process is gone
// or is another program by now.
func (c *Cluster) clearLeftovers(ctx context.Context) error {
	pid := postmasterPID(c.data())
	switch {
	case pid == 0:
		return nil
	case !alive(pid):
		c.say("PostgreSQL was not stopped cleanly last time (process %d is gone): it will recover", pid)
		return nil // PostgreSQL replaces the file, after a look whether old sessions are still attached.
	case runsIn(pid, c.data()):
		c.say("An earlier run left PostgreSQL running (process %d): stopping it", pid)
		return c.stopStray(ctx, pid)
	default:
		c.say("PostgreSQL was not stopped cleanly last time (process %d is another program by now): it will recover", pid)
		return c.disown()
	}
}

// disown makes the pid file stale beyond doubt. Only the number is replaced, by that of the server's parent, which
// PostgreSQL ignores: the rest names the shared memory in which it finds sessions that still run.
func (c *Cluster) disown() error {
	path := filepath.Join(c.data(), "postmaster.pid")
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the pid file: %w", err)
	}
	_, rest, _ := bytes.Cut(raw, []byte("\n"))
	if err := os.WriteFile(path, append([]byte(strconv.Itoa(os.Getpid())+"\n"), rest...), 0o600); err != nil {
		return fmt.Errorf("correct the pid file: %w", err)
	}
	return nil
}

func (c *Cluster) stopStray(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, fastShutdown); err != nil {
		return fmt.Errorf("stop the PostgreSQL of an earlier run (process %d): %w", pid, err)
	}
	for runsIn(pid, c.data()) {
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("stop the PostgreSQL of an earlier run (process %d): %w", pid, err)
		}
	}
	return nil
}

// postmasterPID is the process that the data's pid file names, 0 when there is none.
func postmasterPID(data string) int {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}

// runsIn tells from the command line, which names the data folder, whether the process is our server.
func runsIn(pid int, data string) bool {
	return strings.Contains(commandLine(pid), "-D "+data+" ")
}

func commandLine(pid int) string {
	if runtime.GOOS == "linux" { // Its ps may not be installed.
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return strings.ReplaceAll(string(raw), "\x00", " ")
	}
	out, _ := exec.CommandContext(context.Background(), "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return string(out)
}
