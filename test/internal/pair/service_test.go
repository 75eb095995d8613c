package pair

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/console"
	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

func TestRun_checkPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	busy := l.Addr().(*net.TCPAddr).Port
	var said strings.Builder
	r := &run{Options: Options{APIPort: busy, RealtimePort: busy, Console: console.New(&said, false, 0)}}
	// Through Run, which then has nothing to stop and prints nothing about a stop.
	err = Run(t.Context(), t.Context(), r.Options)
	for _, part := range []string{"on which api is to listen, is taken", "API_PORT=…", "on which realtime is to listen, is taken", "REALTIME_PORT=…"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("err = %v, want %q in it", err, part)
		}
	}
	if said.Len() > 0 {
		t.Errorf("printed %q although nothing was started", said.String())
	}
	l.Close()
	if err := r.checkPorts(t.Context()); err != nil {
		t.Errorf("with free ports: %v", err)
	}
}

func TestRun_environ(t *testing.T) {
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	r := &run{
		Options: Options{
			Console: console.New(nil, false, 0),
			Environ: []string{"LOG_LEVEL=debug", "LOG_FORMAT=json", "PORT=9999", "DATABASE_URL=theirs"},
		},
		secrets: secrets{"private", "public", "data"}, database: "ours", sink: sink,
	}
	got := r.environ()
	for _, want := range []string{
		"APP_ENV=development", "HOST=127.0.0.1", "JWT_PUBLIC_KEY=public", "DATA_KEY=data", "OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.Endpoint(),
		"LOG_LEVEL=debug", // the caller's
		"LOG_FORMAT=json", // the caller's before the default
		"DATABASE_URL=ours", "NO_COLOR=1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "JWT_PRIVATE_KEY=") }) {
		t.Error("realtime would get the key that signs")
	}
	if slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "PORT=") }) {
		t.Error("PORT would reach both services")
	}
}
