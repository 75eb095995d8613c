package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// program is the service as its users run it, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "driftsentry-api-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "api")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3 -X main.commit=abcdef", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	pgtest.Main(m, func() error { return os.RemoveAll(dir) })
}

type result struct {
	code           int
	stdout, stderr string
}

// api runs the program to its end, with nothing in its environment but these variables.
func api(t *testing.T, stdin string, environ []string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, environ...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"help"}, {"serve", "-h"}, {"migrate", "--help"}, {"healthcheck", "-h"}, {"audit", "-h"}, {"audit", "verify", "-h"}, {"audit", "trim", "-h"}, {"user", "-h"}, {"user", "create", "-h"}, {"user", "set-password", "-h"}, {"account", "-h"}, {"account", "set", "-h"}, {"doctor", "-h"}} {
		if r := api(t, "", nil, args...); r.code != 0 || !strings.Contains(r.stdout, "api") || r.stderr != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
	for _, args := range [][]string{{"sing"}, {"serve", "now"}, {"migrate", "--down"}, {"audit"}, {"audit", "forge"}, {"audit", "trim"}, {"audit", "trim", "--older-than", "1h"}, {"user"}, {"user", "delete"}, {"user", "create", "--email", "a@b.example"}, {"user", "set-password", "--email", "a@b.example"}, {"account"}, {"account", "set", "--values", "hidden"}, {"account", "set", "--account", "a", "--values", "maybe"}} {
		if r := api(t, "", nil, args...); r.code != 2 || !strings.Contains(r.stderr, "api") || r.stdout != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := api(t, "", nil, "version"); r.stdout != "api 1.2.3 (abcdef)\n" {
		t.Errorf("version: %+v", r)
	}
}

func TestWrongConfiguration(t *testing.T) {
	r := api(t, "", []string{"APP_ENV=production", "PORT=many", "JWT_SECRET=shorty"})
	if r.code != 1 {
		t.Errorf("exit code %d", r.code)
	}
	for _, variable := range []string{"DATABASE_URL: ", "PORT: ", "JWT_SECRET: ", "DATA_KEY: "} {
		if !strings.Contains(r.stderr, variable) {
			t.Errorf("%s is not in %s", variable, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "shorty") {
		t.Errorf("the secret is printed: %s", r.stderr)
	}
	if r := api(t, "", nil, "migrate"); r.code != 1 || !strings.Contains(r.stderr, "DATABASE_URL: is required") {
		t.Errorf("migrate: %+v", r)
	}
}

func TestMigrate(t *testing.T) {
	environ := []string{"DATABASE_URL=" + pgtest.Empty(t)}
	if r := api(t, "", environ, "migrate"); r.code != 0 || !strings.Contains(r.stdout, "migrated") {
		t.Errorf("the first time: %+v", r)
	}
	if r := api(t, "", environ, "migrate"); r.code != 0 || !strings.Contains(r.stdout, "up to date") {
		t.Errorf("the second time: %+v", r)
	}
	if r := api(t, "", []string{"DATABASE_URL=postgres://u:s3cret@127.0.0.1:1/d"}, "migrate"); r.code != 1 || strings.Contains(r.stdout+r.stderr, "s3cret") {
		t.Errorf("without a database: %+v", r)
	}
}

func TestUser(t *testing.T) {
	environ := []string{"DATABASE_URL=" + pgtest.DSN(t)}
	create := func(stdin string, args ...string) result {
		return api(t, stdin, environ, append([]string{"user", "create", "--account", "acme", "--email", "ada@acme.example", "--name", "Ada", "--role", "admin"}, args...)...)
	}
	password := func() (hash string) {
		conn, err := pgx.Connect(t.Context(), environ[0][len("DATABASE_URL="):])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "select coalesce(password_hash, '') from app_user u join account_stream using (account_id) where email = 'ada@acme.example'").Scan(&hash); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	t.Run("without a password there is a setup token, and the line that sets one", func(t *testing.T) {
		r := create("")
		_, token, _ := strings.Cut(r.stdout, "setup token: ")
		token, _, _ = strings.Cut(token, "\n")
		if r.code != 0 || !strings.HasPrefix(token, "dss_") || !strings.Contains(r.stdout, `printf '{"token":"`+token+`","newPassword":"%s"}' "$PASSWORD" |`) ||
			!strings.Contains(r.stdout, "-d @- http://localhost:3001/api/v1/auth/password\n") {
			t.Fatalf("%+v", r)
		}
		if password() != "" {
			t.Error("there is a password")
		}
	})
	t.Run("the email is taken", func(t *testing.T) {
		if r := create("a long password\n", "--password-stdin"); r.code != 1 || !strings.Contains(r.stderr, "there is a user with this email already") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("set-password", func(t *testing.T) {
		set := func(email, stdin string) result {
			return api(t, stdin, environ, "user", "set-password", "--email", email, "--password-stdin")
		}
		if r := set("ada@acme.example", "a long password\r\n"); r.code != 0 || strings.Contains(r.stdout+r.stderr, "a long password") {
			t.Errorf("%+v", r)
		}
		first := password()
		if !strings.HasPrefix(first, "$argon2id$") {
			t.Errorf("the hash is %q", first)
		}
		if r := set("ada@acme.example", "short"); r.code != 1 || !strings.Contains(r.stderr, "8 to 255") || password() != first {
			t.Errorf("%+v", r)
		}
		if r := set("ada@acme.example", ""); r.code != 1 || !strings.Contains(r.stderr, "standard input is empty") {
			t.Errorf("%+v", r)
		}
		if r := set("eve@acme.example", "a long password"); r.code != 1 || !strings.Contains(r.stderr, "there is no such user") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("account set", func(t *testing.T) {
		set := func(name, values string) result {
			return api(t, "", environ, "account", "set", "--account", name, "--values", values)
		}
		if r := set("acme", "hidden"); r.code != 0 || !strings.Contains(r.stdout, "the account acme are hidden") {
			t.Errorf("%+v", r)
		}
		if r := set("nobody", "hidden"); r.code != 1 || !strings.Contains(r.stderr, "there is no such account") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("every problem is told", func(t *testing.T) {
		r := api(t, "", environ, "user", "create", "--account", "acme", "--email", "ada", "--name", "Ada", "--role", "king")
		if r.code != 1 || !strings.Contains(r.stderr, "email: ") || !strings.Contains(r.stderr, "role: ") {
			t.Errorf("%+v", r)
		}
	})
}

// TestServe runs the service, asks for its health, and ends it as an orchestrator does.
func TestServe(t *testing.T) {
	environ := []string{"DATABASE_URL=" + pgtest.DSN(t), "PORT=0", "LOG_FORMAT=json", "SHUTDOWN_DRAIN_DELAY=0s"}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = environ
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, lines := "", bufio.NewScanner(stdout)
	for lines.Scan() {
		var line struct{ Msg, Address, Version string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if line.Msg == "listening" {
			address = line.Address
		}
		if line.Msg == "ready" {
			break
		}
	}
	_, port, _ := strings.Cut(address, ":")
	if r := api(t, "", []string{"HOST=0.0.0.0", "PORT=" + port}, "healthcheck"); r.code != 0 || !strings.Contains(r.stdout, `"status":"ready"`) {
		t.Errorf("healthcheck: %+v", r)
	}
	resp, err := http.Get("http://" + address + "/health/detailed")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(body), `"version":"1.2.3"`) || !strings.Contains(string(body), `"commit":"abcdef"`) {
		t.Errorf("%s, %v", body, err)
	}
	if r := api(t, "", append(environ, "PORT="+port), "serve"); r.code != 1 || !strings.Contains(r.stderr, "PORT") {
		t.Errorf("a port that is taken: %+v", r)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if !strings.Contains(rest, `"msg":"stopped"`) {
		t.Errorf("the last lines: %s", rest)
	}
	if r := api(t, "", []string{"PORT=" + port}, "healthcheck"); r.code != 1 {
		t.Errorf("healthcheck of nothing: %+v", r)
	}
}
