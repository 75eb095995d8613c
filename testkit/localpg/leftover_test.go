package localpg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestStart_after_a_crash(t *testing.T) {
	dir := clusterDir(t)
	first, _ := start(t, dir)
	execute(t, first, "create table kept as select 42 as answer")

	wantData := func(t *testing.T, c *Cluster) {
		t.Helper()
		if got := query[int](t, c, "select answer from kept"); got != 42 {
			t.Errorf("answer = %d, want 42", got)
		}
	}

	t.Run("of the server, recovers", func(t *testing.T) {
		crash(t, first)
		c, n := start(t, dir)
		n.want(t, "it will recover")
		wantData(t, c)
		stop(t, c)
	})

	t.Run("whose process number another program has now, recovers", func(t *testing.T) {
		c, _ := start(t, dir)
		stop(t, c)
		// Of the same user as the server: PostgreSQL itself would refuse to start over this one.
		other := exec.Command("sleep", "1000")
		other.Dir, other.SysProcAttr = "/", c.owner.attributes()
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
		writePID(t, c, other.Process.Pid)

		c, n := start(t, dir)
		n.want(t, "is another program by now")
		wantData(t, c)
		stop(t, c)
		if !alive(other.Process.Pid) {
			t.Error("the other program was stopped")
		}
	})

	t.Run("of ours, stops the server that still runs", func(t *testing.T) {
		stray, _ := start(t, dir)
		stray.server.unlock() // The lock ends with its process; that of this test goes on.
		c, n := start(t, dir)
		n.want(t, "An earlier run left PostgreSQL running (process "+strconv.Itoa(stray.server.process.Pid)+")")
		<-stray.server.done
		wantData(t, c)
		stop(t, c)
	})

	t.Run("in the middle of initdb, starts afresh", func(t *testing.T) {
		fresh := clusterDir(t)
		if err := os.MkdirAll(filepath.Join(fresh, "data.new", "base"), 0o755); err != nil {
			t.Fatal(err)
		}
		c, _ := start(t, fresh)
		if got := query[int](t, c, "select 1"); got != 1 {
			t.Error("it does not respond")
		}
	})

	t.Run("refuses a password that the data does not know", func(t *testing.T) {
		state := filepath.Join(dir, "cluster.json")
		if err := os.Remove(state); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "another password") {
			t.Errorf("err = %v, want one about the password", err)
		}
	})
}

// crash kills the server the hard way.
func crash(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.server.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	stop(t, c)
}

func writePID(t *testing.T, c *Cluster, pid int) {
	t.Helper()
	path := filepath.Join(c.data(), "postmaster.pid")
	text := strconv.Itoa(pid) + "\n" + c.data() + "\n1700000000\n" + strconv.Itoa(c.Port()) + "\n\n127.0.0.1\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.owner.give(path); err != nil {
		t.Fatal(err)
	}
}
