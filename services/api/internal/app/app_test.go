package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// freePort is a port that nobody has at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func load(t *testing.T, environ ...string) *app.Config {
	t.Helper()
	c, err := app.LoadConfig(append([]string{"PORT=0", "SHUTDOWN_DRAIN_DELAY=0s"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs the service until the test ends.
func run(t *testing.T, c *app.Config) (*app.App, *telemetrytest.Recorder) {
	t.Helper()
	tel := telemetrytest.Start(t)
	a, err := app.New(t.Context(), app.Options{Config: c, Telemetry: tel.Telemetry})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("end: %v", err)
		}
	})
	return a, tel
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestApp_metrics(t *testing.T) {
	dsn := "DATABASE_URL=" + pgtest.DSN(t)
	t.Run("on the service's port in development", func(t *testing.T) {
		a, _ := run(t, load(t, dsn))
		if status, body := get(t, "http://"+a.Address().String()+"/metrics"); status != 200 || !strings.Contains(body, "database_connection_pool_size") {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("on a port of their own, and on no other", func(t *testing.T) {
		port := freePort(t)
		a, _ := run(t, load(t, dsn, "METRICS_PORT="+port))
		if status, _ := get(t, "http://127.0.0.1:"+port+"/metrics"); status != 200 {
			t.Errorf("status %d", status)
		}
		if status, _ := get(t, "http://"+a.Address().String()+"/metrics"); status != 404 {
			t.Errorf("on the service's port: status %d", status)
		}
	})
	t.Run("nowhere", func(t *testing.T) {
		a, _ := run(t, load(t, dsn, "ENABLE_METRICS=false"))
		if status, _ := get(t, "http://"+a.Address().String()+"/metrics"); status != 404 {
			t.Errorf("status %d", status)
		}
	})
}

func TestApp_start(t *testing.T) {
	a, tel := run(t, load(t, "DATABASE_URL=postgres://u:s3cret@127.0.0.1:1/nothing", "DATABASE_CONNECT_TIMEOUT=100"))
	base := "http://" + a.Address().String()
	t.Run("without a database it is alive and not ready, and requests are told to come back", func(t *testing.T) {
		for path, want := range map[string]int{"/health/live": 200, "/health/ready": 503, "/health/detailed": 200} {
			if status, body := get(t, base+path); status != want || strings.Contains(body, "127.0.0.1:1") {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		body := `{"email":"a@b.example","password":"long enough"}`
		resp, err := http.Post(base+"/api/v1/auth/login", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("login: %d %v", resp.StatusCode, resp.Header)
		}
	})
	t.Run("the configuration is logged, its secrets are not", func(t *testing.T) {
		output := tel.Output()
		if !strings.Contains(output, `"DATABASE_MAX_CONNS":10`) || !strings.Contains(output, "JWT_SECRET is not set") || strings.Contains(output, "s3cret") {
			t.Error(output)
		}
	})
}

func TestNew_closes_what_it_opened(t *testing.T) {
	port := freePort(t)
	taken, err := net.Listen("tcp", "127.0.0.1:"+freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := load(t, "DATABASE_URL=postgres://h/d", "METRICS_PORT="+strconv.Itoa(taken.Addr().(*net.TCPAddr).Port))
	c.Service.Port = mustPort(t, port)
	_, err = app.New(t.Context(), app.Options{Config: c, Telemetry: telemetrytest.Start(t).Telemetry})
	if err == nil || !strings.Contains(err.Error(), "METRICS_PORT") {
		t.Fatalf("err = %v", err)
	}
	again, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("the first port was left open: %v", err)
	}
	_ = again.Close()
}

func mustPort(t *testing.T, text string) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

func TestWithIdentity(t *testing.T) {
	environ := []string{"DATABASE_URL=" + pgtest.DSN(t), "LOG_FORMAT=json"}
	var log strings.Builder
	err := app.WithIdentity(t.Context(), environ, process.Build{}, &log, func(users *identity.Service) error {
		_, setup, err := users.Bootstrap(t.Context(), "acme", "a@b.example", "Ada", identity.Admin, "")
		if err == nil && setup == nil {
			t.Error("no setup token")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
