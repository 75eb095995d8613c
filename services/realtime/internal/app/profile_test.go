package app_test

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/pyroscopetest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// What a socket does later is not the handshake's, whose labels its goroutine begins with.
func TestService_profile(t *testing.T) {
	pyroscope := pyroscopetest.Start(t)
	s := start(t, pgtest.DSN(t), nil, func(o *app.Options) {
		o.Telemetry = telemetrytest.Start(t, func(c *telemetry.Config) { c.PyroscopeURL = pyroscope.URL() }).Telemetry
	})
	s.dial(s.db.user(s.db.account())).subscribe("", "drifts") // whose response its goroutine has sent
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for goroutine := range strings.SplitSeq(text.String(), "\n\n") {
		if strings.Contains(goroutine, "ws.(*conn).") {
			sockets++
			if strings.Contains(goroutine, "# labels:") {
				t.Errorf("a socket has labels:\n%s", goroutine)
			}
		}
	}
	if sockets == 0 {
		t.Errorf("no goroutine is a socket's:\n%s", text.String())
	}
}
