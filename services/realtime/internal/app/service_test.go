package app_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience bounds every wait; only a failing test gets near it.
const patience = time.Minute

const secret = "0123456789abcdef0123456789abcdef"

// service is the whole service on a database of its own.
type service struct {
	t      *testing.T
	app    *app.App
	tel    *telemetrytest.Recorder
	dsn    string
	db     *database
	tokens *token.Access
	stop   func() error
}

// start runs the service. Environment variables and options may be changed.
func start(t *testing.T, dsn string, environ []string, options ...func(*app.Options)) *service {
	t.Helper()
	tel := telemetrytest.Start(t)
	config, err := app.LoadConfig(append([]string{
		"APP_ENV=development", "PORT=0", "HOST=127.0.0.1", "DATABASE_URL=" + dsn, "JWT_SECRET=" + secret,
		"SHUTDOWN_DRAIN_DELAY=1ms", "CORS_ORIGIN=https://app.example",
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	o := app.Options{Config: config, Build: process.Build{Version: "1.2.3", Commit: "abc"}, Telemetry: tel.Telemetry}
	for _, option := range options {
		option(&o)
	}
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s := &service{t: t, app: a, tel: tel, dsn: dsn, db: connect(t, dsn), tokens: token.NewAccess(secret, "", 15*time.Minute)}
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop the service: %v", err)
		}
	})
	s.eventually("ready", func() bool { return s.get("/health/ready").StatusCode == http.StatusOK })
	return s
}

// in makes t the one that fails: a subtest.
func (s *service) in(t *testing.T) *service {
	t.Helper()
	sub := *s
	sub.t = t
	return &sub
}

func (s *service) url(path string) string { return "http://" + s.app.Address().String() + path }

func (s *service) get(path string) *http.Response {
	s.t.Helper()
	client := &http.Client{Transport: spec.Transport(s.t, http.DefaultTransport)}
	req, err := http.NewRequestWithContext(spec.Invalid(s.t.Context()), http.MethodGet, s.url(path), http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// eventually repeats a question that has no event of its own, until the answer is yes.
func (s *service) eventually(what string, yes func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("never: %s", what)
		}
	}
}

// metric waits until the metrics have this text.
func (s *service) metric(text string) {
	s.t.Helper()
	s.eventually(text, func() bool { return strings.Contains(s.tel.Metrics(), text) })
}
