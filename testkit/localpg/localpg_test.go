package localpg

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// notes collects what a cluster says.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notes) want(t *testing.T, part string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !strings.Contains(strings.Join(n.lines, "\n"), part) {
		t.Errorf("said %q, want a line with %q", n.lines, part)
	}
}

// clusterDir is a folder that any user can enter, which t.TempDir is not.
func clusterDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "localpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "pg")
}

func start(t *testing.T, dir string) (*Cluster, *notes) {
	t.Helper()
	n := &notes{}
	c, err := Start(t.Context(), Options{Dir: dir, Log: n.add, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c, n
}

// stop uses a context of its own: in a cleanup the test's is over.
func stop(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func query[T any](t *testing.T, c *Cluster, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func execute(t *testing.T, c *Cluster, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestCluster(t *testing.T) {
	dir := clusterDir(t)

	t.Run("keeps data, port and password over a restart", func(t *testing.T) {
		c, _ := start(t, dir)
		execute(t, c, "create table kept as select 42 as answer")
		dsn := c.DSN("postgres")
		stop(t, c)

		c, _ = start(t, dir)
		if got := query[int](t, c, "select answer from kept"); got != 42 {
			t.Errorf("answer = %d, want 42", got)
		}
		if c.DSN("postgres") != dsn {
			t.Error("the DSN changed over a restart")
		}
	})

	t.Run("keeps its secrets to its owner", func(t *testing.T) {
		for _, name := range []string{"cluster.json", "lock", "postgres.log"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", name, info.Mode().Perm())
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "password")); err == nil {
			t.Error("the password file of initdb was left behind")
		}
	})

	t.Run("wants its password and listens on the loopback only", func(t *testing.T) {
		c, _ := start(t, dir)
		wrong := strings.Replace(c.DSN("postgres"), c.state.Password, "wrong", 1)
		if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
			conn.Close(t.Context())
			t.Error("a wrong password was accepted")
		}
		if got := query[string](t, c, "show listen_addresses"); got != "127.0.0.1" {
			t.Errorf("listen_addresses = %s", got)
		}
		if got := query[string](t, c, "show unix_socket_directories"); got != "" {
			t.Errorf("unix_socket_directories = %s", got)
		}
	})

	t.Run("makes a database once", func(t *testing.T) {
		c, _ := start(t, dir)
		for range 2 {
			if err := c.CreateDatabase(t.Context(), "app"); err != nil {
				t.Fatal(err)
			}
		}
		if n := query[int](t, c, "select count(*) from pg_database where datname = 'app'"); n != 1 {
			t.Errorf("%d databases named app", n)
		}
	})

	t.Run("is not started twice", func(t *testing.T) {
		start(t, dir)
		_, err := Start(t.Context(), Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(os.Getpid())) {
			t.Errorf("err = %v, want one that names the process", err)
		}
	})

	t.Run("takes another port when its own is busy", func(t *testing.T) {
		c, _ := start(t, dir)
		port := c.Port()
		stop(t, c)
		occupy(t, port)
		c, n := start(t, dir)
		if c.Port() == port {
			t.Errorf("still on the busy port %d", port)
		}
		n.want(t, "Port "+strconv.Itoa(port)+" is taken by another program")
		if got := query[int](t, c, "select 1"); got != 1 {
			t.Error("it does not respond")
		}
	})

	t.Run("restarts on the same port", func(t *testing.T) {
		c, _ := start(t, dir)
		port, first := c.Port(), c.Done()
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-first
		if c.Port() != port || query[int](t, c, "select 1") != 1 {
			t.Errorf("port = %d, want %d and a response", c.Port(), port)
		}
	})

	t.Run("does not restart on another port", func(t *testing.T) {
		c, _ := start(t, dir)
		stop(t, c)
		occupy(t, c.Port())
		if err := c.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "taken by another program") {
			t.Errorf("err = %v, want one about the port", err)
		}
	})

	t.Run("recovers from an immediate stop", func(t *testing.T) {
		c, _ := start(t, dir)
		execute(t, c, "create table crashed as select 7 as answer")
		if err := c.StopImmediate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.Done() != nil {
			t.Error("a stopped cluster has a Done channel")
		}
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := query[int](t, c, "select answer from crashed"); got != 7 {
			t.Errorf("answer = %d, want 7", got)
		}
	})

	t.Run("kills a server that does not stop in time", func(t *testing.T) {
		c, _ := start(t, dir)
		done := c.Done()
		if err := c.server.process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Stop(ctx); err == nil || !strings.Contains(err.Error(), "was killed") {
			t.Errorf("err = %v, want one that says so", err)
		}
		<-done
	})

	t.Run("refuses data of a version that is not here", func(t *testing.T) {
		c, _ := start(t, dir)
		stop(t, c)
		version := filepath.Join(c.data(), "PG_VERSION")
		old, err := os.ReadFile(version)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.WriteFile(version, old, 0o600); err != nil {
				t.Error(err)
			}
		}()
		if err := os.WriteFile(version, []byte("9.6\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f := c.finder()
		f.installers = nil
		want, err := c.dataVersion()
		if err != nil || want != 9 {
			t.Fatalf("dataVersion = %d, %v, want 9", want, err)
		}
		if _, err := f.find(t.Context(), want); err == nil || !strings.Contains(err.Error(), "which made the data that is there") {
			t.Errorf("err = %v, want one that names the version", err)
		}
	})

	t.Run("is removed with its data, but not while it runs", func(t *testing.T) {
		c, _ := start(t, dir)
		if err := Remove(dir); err == nil {
			t.Error("a running cluster was removed")
		}
		stop(t, c)
		if err := Remove(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("the folder is still there")
		}
		if err := Remove(dir); err != nil {
			t.Errorf("removing what is not there: %v", err)
		}
	})
}

func occupy(t *testing.T, port int) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}
