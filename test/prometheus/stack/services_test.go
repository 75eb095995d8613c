//go:build stack

package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// servicesDir has both services' programs once buildServices has made them, for all tests.
var servicesDir string

var buildServices = sync.OnceValue(func() (err error) {
	if servicesDir, err = os.MkdirTemp("", "driftsentry-services-"); err != nil {
		return err
	}
	for _, name := range []string{"api", "realtime"} {
		build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(servicesDir, name), "github.com/driftsentry/driftsentry/services/"+name+"/cmd/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if servicesDir != "" {
		_ = os.RemoveAll(servicesDir) // A folder that can't be removed is not a failure.
	}
	os.Exit(code)
}

// program is the path of a service's program.
func (s *system) program(name string) string {
	s.t.Helper()
	if err := buildServices(); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Join(servicesDir, name)
}

func (s *system) startServices() {
	t := s.t
	t.Helper()
	collector := s.address("otel-collector", 4317)
	if s.between != nil {
		collector = s.between(collector)
	}
	s.environ = append(os.Environ(),
		"APP_ENV=production", "HOST=127.0.0.1", "JWT_SECRET=the-secret-of-the-stack-test-0123456789", "DATA_KEY=the-data-key-of-the-stack-test-0123456789",
		"DATABASE_URL="+s.databaseURL(servicesLogin, "service-pw"), "SENTRY_DSN="+s.sentry.DSN(), "SHUTDOWN_DRAIN_DELAY=50ms",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+collector, "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200",
	)
	s.environ = append(s.environ, s.extra...)
	migrate := exec.CommandContext(t.Context(), s.program("api"), "migrate")
	migrate.Env = append(os.Environ(), "DATABASE_URL="+s.databaseURL("driftsentry_owner", "owner-pw"))
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	s.api = run(t, s.dir, "api", s.serviceEnviron("api", 3001), s.program("api"), "serve")
	s.realtime = run(t, s.dir, "realtime", s.serviceEnviron("realtime", 3002, "DATABASE_URL="+s.databaseURL("driftsentry_reader", "reader-pw")), s.program("realtime"), "serve")
	awaitOK(t, s.api, s.url("api", 3001)+"/health/ready")
	awaitOK(t, s.realtime, s.url("realtime", 3002)+"/health/ready")
}

// serviceEnviron is the environment of an instance that Prometheus knows by this name.
func (s *system) serviceEnviron(name string, port int, more ...string) []string {
	own := []string{fmt.Sprintf("PORT=%d", s.port(name, port)), fmt.Sprintf("METRICS_PORT=%d", s.port(name, 9090))}
	return slices.Concat(s.environ, own, more)
}
