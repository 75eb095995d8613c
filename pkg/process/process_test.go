package process_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestNew_a_port_that_is_taken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tel := telemetrytest.Start(t)
	for name, c := range map[string]struct{ environ []string }{
		"PORT":         {[]string{"PORT=" + port}},
		"METRICS_PORT": {[]string{"PORT=0", "METRICS_PORT=" + port}},
	} {
		t.Run(name+" is named", func(t *testing.T) {
			config, err := load(c.environ...)
			if err != nil {
				t.Fatal(err)
			}
			config.SetDefaults()
			_, err = process.New(t.Context(), process.Options{Name: "test", Config: config, Telemetry: tel.Telemetry})
			if err == nil || !strings.Contains(err.Error(), "ports: "+name+": ") {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// run runs a process with these routes until stop, which tells how it ended.
func run(t *testing.T, routes func(chi.Router)) (p *process.Process, tel *telemetrytest.Recorder, stop func()) {
	t.Helper()
	config, err := load("PORT=0", "SHUTDOWN_DRAIN_DELAY=0s")
	if err != nil {
		t.Fatal(err)
	}
	config.SetDefaults()
	tel = telemetrytest.Start(t)
	p, err = process.New(t.Context(), process.Options{Name: "test", Config: config, Telemetry: tel.Telemetry})
	if err != nil {
		t.Fatal(err)
	}
	p.Serve(t.Context(), p.Edge().Router(process.Caller{}, routes), config)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return p, tel, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestProcess_metrics_on_the_public_port(t *testing.T) {
	p, _, stop := run(t, func(chi.Router) {})
	for path, want := range map[string]int{"/metrics": 200, "/health/live": 200, "/health/ready": 503, "/nothing": 404, "/debug/log-level": 404, "/debug/traces": 404, "/debug/pprof/": 404} {
		resp, err := http.Get("http://" + p.Address().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	stop()
}
