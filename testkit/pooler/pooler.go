// Package pooler runs pgbouncer in front of a test's database.
package pooler

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Mode is pgbouncer's pool_mode.
type Mode string

// The modes.
const (
	Session Mode = "session"
	// Transaction keeps no prepared statements, as every pgbouncer before 1.21.
	Transaction Mode = "transaction"
	// Prepared is transaction mode with prepared statements. It needs pgbouncer 1.21.
	Prepared Mode = "prepared"
)

// settings are those of the mode, of a pgbouncer that may know prepared statements.
func (m Mode) settings(knows bool) string {
	switch {
	case m == Prepared:
		return "pool_mode = transaction\nmax_prepared_statements = 100\n"
	case m == Transaction && knows:
		return "pool_mode = transaction\nmax_prepared_statements = 0\n"
	default:
		return "pool_mode = " + string(m) + "\n"
	}
}

// patience bounds each step that a test waits for.
const patience = 20 * time.Second

// Start runs pgbouncer in front of the database of dsn until the test ends, and gives the URL through it. Where none is
// installed that knows the mode the test is skipped, and says so loudly. It knows no other users and databases than those of dsn.
func Start(t testing.TB, dsn string, mode Mode) string {
	t.Helper()
	program, knows := find(t, mode)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	port := freePort(t)
	password, _ := u.User.Password()
	host, serverPort := u.Hostname(), u.Port()
	if socket := u.Query().Get("host"); socket != "" {
		host = socket
	}
	if serverPort == "" {
		serverPort = "5432"
	}
	name := strings.TrimPrefix(u.Path, "/")
	write(t, filepath.Join(dir, "users"), fmt.Sprintf("%q %q\n", u.User.Username(), password))
	write(t, filepath.Join(dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
%s = host=%s port=%s dbname=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = plain
auth_file = %s/users
default_pool_size = 20
max_client_conn = 200
%s`, name, host, serverPort, name, u.User.Username(), password, port, dir, mode.settings(knows)))

	args := []string{filepath.Join(dir, "pgbouncer.ini")}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postgres"}, args...) // It refuses to run as root.
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // It is killed below.
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	awaitPort(t, address, ended, &output)
	through := *u
	through.Host = address
	query := through.Query()
	query.Del("host")
	through.RawQuery = query.Encode()
	return through.String()
}

// folder is one that pgbouncer's user may read.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "driftsentry-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("NOT RUN: pgbouncer does not run as root, and there is no user postgres: %v", err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // Its folder is private, and its owner another user.
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitPort(t testing.TB, address string, ended <-chan struct{}, output *bytes.Buffer) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("pgbouncer ended:\n%s", output.String())
		case <-timeout:
			t.Fatalf("pgbouncer does not listen: %v", err)
		}
	}
}
