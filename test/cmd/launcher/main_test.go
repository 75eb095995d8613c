package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// program is the launcher, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "launcher-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "launcher")
	if out, err := exec.Command("go", "build", "-race", "-o", program, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// launch runs the launcher to its end.
func launch(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestLauncher_help(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"-h"}} {
		code, out, _ := launch(t, nil, args...)
		for _, c := range commands() {
			if code != 0 || !strings.Contains(out, c.summary) {
				t.Errorf("%q: exit code %d, %s is missing in\n%s", args, code, c.name, out)
			}
		}
	}
	for _, c := range commands() {
		if code, out, _ := launch(t, nil, c.name, "-h"); code != 0 || !strings.Contains(out, c.details) {
			t.Errorf("%s -h: exit code %d\n%s", c.name, code, out)
		}
	}
}

func TestLauncher_refuses(t *testing.T) {
	empty := "RUN_DIR=" + t.TempDir()
	for name, test := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"an unknown subcommand":     {[]string{"fly"}, "", `there is no subcommand "fly"`},
		"arguments too many":        {[]string{"run", "fast"}, "", "takes no arguments"},
		"a port that is none":       {[]string{"run"}, "API_PORT=http", `API_PORT="http" is no port`},
		"no command":                {[]string{"with-postgres", "--"}, "", "needs a command"},
		"a trace ID that is none":   {[]string{"trace", "4bf9"}, empty, `"4bf9" is no trace ID`},
		"a trace without a run":     {[]string{"trace"}, empty, "`make run` does not run here"},
		"to watch without a run":    {[]string{"watch"}, empty, "`make run` does not run here"},
		"a command that is missing": {[]string{"with-postgres", "/does/not/exist"}, "TEST_DATABASE_URL=x", "run /does/not/exist"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := launch(t, []string{empty, test.env}, test.args...)
			if code != 1 || !strings.Contains(errs, test.want) {
				t.Errorf("exit code %d, want 1; %q, want %q in it", code, errs, test.want)
			}
		})
	}
}

func TestLauncher_with_postgres(t *testing.T) {
	t.Run("gives the command a server, and is gone afterwards", func(t *testing.T) {
		code, out, errs := launch(t, []string{"TEST_DATABASE_URL="}, "with-postgres", "--", "sh", "-c", `echo "$TEST_DATABASE_URL"; exit 7`)
		if code != 7 {
			t.Errorf("exit code %d, want the command's 7; %s", code, errs)
		}
		dsn := strings.TrimSpace(out)
		if !strings.HasPrefix(dsn, "postgres://") {
			t.Fatalf("TEST_DATABASE_URL=%q", dsn)
		}
		if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
			conn.Close(t.Context())
			t.Error("the server still runs")
		}
	})
	t.Run("leaves a server alone that is there", func(t *testing.T) {
		code, out, errs := launch(t, []string{"TEST_DATABASE_URL=postgres://theirs"}, "with-postgres", "sh", "-c", `echo "$TEST_DATABASE_URL"`)
		if code != 0 || out != "postgres://theirs\n" || errs != "" {
			t.Errorf("exit code %d, %q, %q", code, out, errs)
		}
	})
}

func TestLauncher_clean_keeps_what_is_not_its_own(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"credentials.json", "secrets.json", "letters.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := launch(t, []string{"RUN_DIR=" + dir}, "clean")
	if code != 0 || !strings.Contains(out, "contains other files") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "letters.txt" {
		t.Errorf("left are %v, %v", left, err)
	}
	if code, _, errs := launch(t, []string{"RUN_DIR=" + filepath.Join(dir, "none")}, "clean"); code != 0 {
		t.Errorf("nothing to clean: exit code %d, %q", code, errs)
	}
}
