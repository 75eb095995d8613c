package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

// TestMain lets the test's own program play a service that ends badly.
func TestMain(m *testing.M) {
	if role := os.Getenv("TELEMETRY_TEST_ROLE"); role != "" {
		play(role)
		return
	}
	os.Exit(m.Run())
}

// play runs a service until it ends as its role says.
func play(role string) {
	ctx := context.Background()
	cfg := telemetry.Config{ServiceName: "test", Metrics: true, InstanceID: "a", CrashDir: os.Getenv("CRASH_DIR")}
	if role == "quit" {
		cfg.FlightRecorder, cfg.FlightDir = true, filepath.Join(cfg.CrashDir, "flight")
	}
	tel, err := telemetry.Start(ctx, cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	switch role {
	case "writer": // until its standard input ends
		tel.Logger().InfoContext(ctx, "first")
		_ = tel.Flush(ctx)
		_, _ = io.Copy(io.Discard, os.Stdin)
		tel.Logger().InfoContext(ctx, "second")
		_ = tel.Flush(ctx)
		w := httptest.NewRecorder()
		tel.MetricsHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		fmt.Fprintln(os.Stderr, w.Body)
	case "fatal":
		var m map[string]int
		go func() { m["password=hunter2"] = 1 }() // a panic that nothing recovers
		select {}
	case "quit":
		_ = syscall.Kill(os.Getpid(), syscall.SIGQUIT)
		select {}
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	_ = tel.Shutdown(ctx)
}

func role(t *testing.T, name, crashDir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TELEMETRY_TEST_ROLE="+name, "CRASH_DIR="+crashDir)
	return cmd
}

// A reader of the standard output that goes away takes nothing down with it.
func TestStart_reader_of_stdout_goes_away(t *testing.T) {
	cmd := role(t, "writer", "")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	if _, err := reader.Read(make([]byte, 1)); err != nil { // the first line
		t.Fatal(err)
	}
	reader.Close()
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the service ended: %v", err)
	}
	if !strings.Contains(stderr.String(), `telemetry_log_dropped_total{output="stdout"} 1`) {
		t.Errorf("the line was not counted:\n%s", stderr.String())
	}
}

// A process that can't report its own end leaves that to the next one.
func TestStart_reports_a_crash(t *testing.T) {
	for name, tc := range map[string]struct{ role, message, stack string }{
		"of_the_runtime": {"fatal", "panic: assignment to entry in nil map", "telemetry_test.play"},
		"a_kill":         {"killed", "the process was killed: there is no output of the runtime", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			if err := role(t, tc.role, dir).Run(); err == nil {
				t.Fatal("the service ended well")
			}
			receiver := sentrytest.Start(t)
			var out lockedBuffer
			start := func() {
				tel, err := telemetry.Start(t.Context(), telemetry.Config{
					ServiceName: "test", InstanceID: "a", CrashDir: dir, Log: telemetry.LogConfig{Output: &out}, Sentry: telemetry.SentryConfig{DSN: receiver.DSN()},
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := tel.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			start()
			start() // and once only
			if n := strings.Count(out.String(), "the previous run crashed"); n != 1 {
				t.Errorf("%d lines tell of it:\n%s", n, out.String())
			}
			if !strings.Contains(out.String(), tc.message) || !strings.Contains(out.String(), tc.stack) {
				t.Errorf("the line has no %q or %q:\n%s", tc.message, tc.stack, out.String())
			}
			events := receiver.Events()
			if len(events) != 1 || events[0].Exception[0].Value != tc.message || events[0].Level != "fatal" {
				t.Errorf("events: %+v", events)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("a service that ended well left %v, %v", left, err)
			}
		})
	}
}
