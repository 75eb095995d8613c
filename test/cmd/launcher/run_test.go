package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/pair"
)

// TestLauncher_run does what a person does who has just cloned the project, with the real services.
func TestLauncher_run(t *testing.T) {
	dir, err := os.MkdirTemp("", "launcher-run-") // t.TempDir is open to root alone, and PostgreSQL is not root.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	api, realtime := strconv.Itoa(loopback.Port(t)), strconv.Itoa(loopback.Port(t))
	env := []string{"RUN_DIR=" + dir, "API_PORT=" + api, "REALTIME_PORT=" + realtime, "DATABASE_URL="}

	first := startRun(t, env)
	t.Run("shows the users once and keeps them to the owner", func(t *testing.T) {
		keys := readCredentials(t, dir)
		for _, p := range []pair.Person{keys.Admin, keys.Engineer, keys.Viewer} {
			if len(p.Password) < 8 || strings.Count(first.text, p.Password) != 1 {
				t.Errorf("the password of %s is shown %d times, want once", p.Email, strings.Count(first.text, p.Password))
			}
		}
		if !strings.HasPrefix(keys.APIKey, "ds_") || strings.Contains(first.text, keys.APIKey) {
			t.Errorf("the API key %q is not one, or is shown", keys.APIKey)
		}
		for _, name := range []string{"credentials.json", "secrets.json", "launcher.json"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
			}
		}
	})
	t.Run("runs services that are ready", func(t *testing.T) {
		for _, port := range []string{api, realtime} {
			res, err := http.Get("http://localhost:" + port + "/health/ready")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Errorf("port %s: %s", port, res.Status)
			}
		}
	})
	t.Run("has something to look at in the console", func(t *testing.T) {
		if !strings.Contains(first.text, "console   http://localhost:"+api) {
			t.Errorf("the console's address is not shown:\n%s", first.text)
		}
		viewer := readCredentials(t, dir).Viewer
		c, err := client.New("http://localhost:"+api, client.WithPassword(viewer.Email, viewer.Password))
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]int{}
		workspaces, err := c.Workspaces(t.Context())
		for _, w := range workspaces {
			states[w.Status]++
		}
		if err != nil || states["ok"] < 1 || states["drifted"] < 4 || states["failed"] < 1 {
			t.Errorf("the workspaces are %v, %v", states, err)
		}
	})
	t.Run("has a trace from the CI job to the socket", func(t *testing.T) {
		match := regexp.MustCompile(`make trace ID=([0-9a-f]{32})`).FindStringSubmatch(first.text)
		if match == nil {
			t.Fatal("no trace is offered")
		}
		code, out, errs := launch(t, env, "trace", match[1])
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		at := 0
		for _, part := range []string{"\nci  ci client", "POST /api/v1/ingest/plan  driftsentry-api server 200", "publish events", "process events"} {
			i := strings.Index(out[at:], part)
			if i < 0 {
				t.Fatalf("%q is missing, or not below what should be above it, in\n%s", part, out)
			}
			at += i
		}
	})
	t.Run("runs once", func(t *testing.T) {
		code, _, errs := launch(t, env, "run")
		if code != 1 || !strings.Contains(errs, "port "+api+", on which api is to listen, is taken") {
			t.Errorf("exit code %d, %q", code, errs)
		}
		if code, _, errs := launch(t, env, "clean"); code != 1 || !strings.Contains(errs, "still runs") {
			t.Errorf("clean: exit code %d, %q", code, errs)
		}
	})
	t.Run("stops when it is interrupted", func(t *testing.T) {
		first.interrupt(t)
		if _, err := os.Stat(filepath.Join(dir, "launcher.json")); err == nil {
			t.Error("launcher.json says that it runs")
		}
	})
	t.Run("goes on with the users and data of the first run", func(t *testing.T) {
		before := readCredentials(t, dir)
		second := startRun(t, env)
		if readCredentials(t, dir) != before {
			t.Error("the users are others")
		}
		if strings.Contains(second.text, before.Admin.Password) || !strings.Contains(second.text, "those of earlier runs") {
			t.Errorf("the passwords are shown again:\n%s", second.text)
		}
		if !strings.Contains(second.text, "0 new") {
			t.Errorf("the data is gone:\n%s", second.text)
		}
		second.interrupt(t)
	})
	t.Run("leaves nothing after clean", func(t *testing.T) {
		if code, out, errs := launch(t, env, "clean"); code != 0 {
			t.Fatalf("exit code %d, %q, %q", code, out, errs)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("the folder is still there")
		}
	})
}

// running is a `launcher run` whose next steps have been shown.
type running struct {
	cmd   *exec.Cmd
	text  string // all that was printed before
	ended chan string
}

func startRun(t *testing.T, env []string) *running {
	t.Helper()
	cmd := exec.Command(program, "run")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // The services and PostgreSQL end with it.
	r := &running{cmd: cmd, ended: make(chan string, 1)}
	lines := bufio.NewScanner(out)
	for !strings.Contains(r.text, "Ctrl-C stops everything") {
		if !lines.Scan() {
			t.Fatalf("it ended early: %v\n%s", cmd.Wait(), r.text)
		}
		r.text += lines.Text() + "\n"
	}
	go func() {
		var rest strings.Builder
		for lines.Scan() {
			fmt.Fprintln(&rest, lines.Text())
		}
		r.ended <- rest.String()
	}()
	return r
}

// interrupt is Ctrl-C.
func (r *running) interrupt(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest := <-r.ended
	if err := r.cmd.Wait(); err != nil || !strings.Contains(rest, "Everything has stopped.") {
		t.Errorf("%v\n%s", err, rest)
	}
}

func readCredentials(t *testing.T, dir string) (c pair.Credentials) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
