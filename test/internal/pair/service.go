package pair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

const (
	host = "127.0.0.1"
	// readyPatience bounds the wait for a service that has started.
	readyPatience = time.Minute
	pollInterval  = 50 * time.Millisecond
)

func (r *run) apiURL() string      { return fmt.Sprintf("http://localhost:%d", r.APIPort) }
func (r *run) realtimeURL() string { return fmt.Sprintf("http://localhost:%d", r.RealtimePort) }
func (r *run) socketURL() string   { return fmt.Sprintf("ws://localhost:%d/ws", r.RealtimePort) }

// checkPorts fails early, before the work of the other steps.
func (r *run) checkPorts(ctx context.Context) error {
	var problems []error
	for _, p := range []struct {
		service, variable string
		port              int
	}{{"api", "API_PORT", r.APIPort}, {"realtime", "REALTIME_PORT", r.RealtimePort}} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(p.port)))
		switch {
		case err == nil:
			l.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			problems = append(problems, fmt.Errorf("port %d, on which %s is to listen, is taken by another program (an earlier `make run`?): stop that, or choose another port with %s=…",
				p.port, p.service, p.variable))
		default:
			problems = append(problems, fmt.Errorf("port %d, on which %s is to listen: %w", p.port, p.service, err))
		}
	}
	return errors.Join(problems...)
}

// build builds both programs; Go's cache makes it fast if nothing has changed.
func (r *run) build(ctx context.Context) error {
	defer r.Console.Slowly("Building api and realtime (the first time, Go fetches their modules) …")()
	args := []string{
		"build", "-o", filepath.Join(r.Dir, "bin") + string(filepath.Separator),
		"./services/api/cmd/api", "./services/realtime/cmd/realtime",
	}
	out, err := r.goCommand(ctx, args...)
	if err != nil && bytes.Contains(out, []byte("-buildvcs=false")) {
		// Git refuses a checkout of another user; only the version in the log is lost.
		out, err = r.goCommand(ctx, append([]string{"build", "-buildvcs=false"}, args[1:]...)...)
	}
	if err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (r *run) goCommand(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.Root
	return cmd.CombinedOutput()
}

// program is one of the built programs in the services' environment.
func (r *run) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(r.Dir, "bin", name), args...)
	cmd.Env = r.environ()
	return cmd
}

// environ is the caller's environment, with defaults for a run on this machine for the variables that are not set, and
// with the variables that the run sets.
func (r *run) environ() []string {
	env := map[string]string{
		"APP_ENV": "development", "HOST": host,
		"JWT_PUBLIC_KEY": r.secrets.JWTPublicKey, "DATA_KEY": r.secrets.DataKey,
		"LOG_FORMAT": "pretty",
		// The console is a page of api, which opens its socket at realtime. The first is the usual one of front ends in development.
		"CORS_ORIGIN": fmt.Sprintf("http://localhost:3000,http://localhost:%d,http://127.0.0.1:%d", r.APIPort, r.APIPort),
		// No load balancer has to learn about the stop first.
		"SHUTDOWN_DRAIN_DELAY": "0s",
		// So that a trace can be shown a moment after it happened.
		"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BLRP_SCHEDULE_DELAY": "200",
	}
	if r.sink != nil {
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = r.sink.Endpoint()
		env["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
	}
	for _, pair := range r.Environ {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	env["DATABASE_URL"] = r.database
	delete(env, "PORT") // Each service gets its own.
	if !r.Console.Color() {
		env["NO_COLOR"] = "1"
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

func (r *run) startServices(ctx context.Context) error {
	for _, s := range []struct {
		name  string
		port  int
		color console.Color
		own   []string
	}{
		{"api", r.APIPort, console.Cyan, []string{
			"DATABASE_URL=" + r.databaseAs("driftsentry_api"), "JWT_PRIVATE_KEY=" + r.secrets.JWTPrivateKey, "REALTIME_URL=" + r.socketURL(),
			"TRACE_SOURCE_URL=" + r.traceSource,
		}},
		{"realtime", r.RealtimePort, console.Magenta, []string{"DATABASE_URL=" + r.databaseAs("driftsentry_realtime")}},
	} {
		// The service outlives ctx, whose end only begins the stop.
		cmd := r.program(context.WithoutCancel(ctx), s.name, "serve")
		cmd.Env = append(append(cmd.Env, "PORT="+strconv.Itoa(s.port)), s.own...)
		p, err := child.Start(s.name, cmd, r.Console.Source(s.name, s.color))
		if err != nil {
			return err
		}
		r.services = append(r.services, p)
	}
	for i, url := range []string{r.apiURL(), r.realtimeURL()} {
		if err := r.awaitReady(ctx, r.services[i], url); err != nil {
			return err
		}
	}
	return nil
}

// probe bounds one attempt, so that a service that hangs is asked again.
var probe = http.Client{Timeout: 5 * time.Second}

// awaitReady asks the service until it says that it is ready.
func (r *run) awaitReady(ctx context.Context, s *child.Process, url string) error {
	defer r.Console.Slowly("Waiting for %s to be ready …", s.Name())()
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	for {
		if ready(ctx, url) {
			return nil
		}
		select {
		case <-s.Done():
			return ended(s)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready; its log above says why: %w", s.Name(), context.Cause(ctx))
		case <-time.After(pollInterval):
		}
	}
}

func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health/ready", http.NoBody)
	if err != nil {
		return false
	}
	res, err := probe.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func ended(s *child.Process) error {
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s ended: %w; its log above says why", s.Name(), err)
	}
	return fmt.Errorf("%s ended", s.Name())
}
