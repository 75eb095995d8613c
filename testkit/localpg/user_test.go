package localpg

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestStart_as_root_in_a_folder_only_root_enters(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can try what root cannot share")
	}
	dir := filepath.Join(t.TempDir(), "private", "pg") // t.TempDir is open to its owner alone.
	t.Cleanup(func() {
		if err := Remove(dir); err != nil {
			t.Error(err)
		}
	})
	c, n := start(t, dir)
	n.want(t, "cannot enter "+dir+": the data goes to "+elsewhere(dir))
	execute(t, c, "create table kept as select 42 as answer")
	stop(t, c)

	c, _ = start(t, dir)
	if got := query[int](t, c, "select answer from kept"); got != 42 {
		t.Errorf("answer = %d, want 42", got)
	}
	stop(t, c)
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(elsewhere(dir)); err == nil {
		t.Error("the data elsewhere was not removed")
	}
}

// TestCluster_as_an_ordinary_user runs this package's tests once more without root's rights.
func TestCluster_as_an_ordinary_user(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: the other tests run as an ordinary user already")
	}
	nobody := &owner{name: "nobody", uid: 65534, gid: 65534}
	home := filepath.Dir(clusterDir(t))
	program := filepath.Join(home, "test")
	copyFile(t, os.Args[0], program)
	tmp := filepath.Join(home, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := nobody.give(tmp); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^(TestCluster|TestStart_after_a_crash)$", "-test.v")
	cmd.Dir = home
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "HOME=" + tmp}
	cmd.SysProcAttr = nobody.attributes()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCluster ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestStart_dies_with_its_parent kills a process that runs a cluster and sees the server go.
func TestStart_dies_with_its_parent(t *testing.T) {
	if dir := os.Getenv("LOCALPG_TEST_PARENT"); dir != "" {
		beParent(dir)
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux tells a process of its parent's death; elsewhere the next start stops the server")
	}
	dir := clusterDir(t)
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), "LOCALPG_TEST_PARENT="+dir)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "running\n" {
		t.Fatalf("the parent says %q, %v", line, err)
	}
	data := filepath.Join(dir, "data")
	server := postmasterPID(data)
	if !runsIn(server, data) {
		t.Fatalf("process %d is no server", server)
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()          // It was killed.
	for runsIn(server, data) { // The test's own deadline bounds it.
		if err := pause(t.Context(), pollInterval); err != nil {
			t.Fatal(err)
		}
	}
	// A fast shutdown removes the pid file; a crash would leave it.
	if pid := postmasterPID(data); pid != 0 {
		t.Errorf("the server of process %d did not shut down cleanly", pid)
	}
}

func beParent(dir string) {
	if _, err := Start(context.Background(), Options{Dir: dir, Fast: true}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("running\n")
	select {} // Until it is killed.
}
