package load

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. It is no measure of anything: only a failing test gets near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// TestRun loads a real pair, whose realtime is killed and started again meanwhile: no request fails, every socket comes
// back, and all have everything. A user who may not decide is told so.
//
// Mutation: let realtime ignore `after`, and events are lost.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	environ := append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "PORT=") || strings.HasPrefix(v, "METRICS_PORT=")
	}),
		"APP_ENV=development", "HOST=127.0.0.1", "LOG_FORMAT=json", "LOG_LEVEL=warn", "RATE_LIMIT_ENABLED=false", "SHUTDOWN_DRAIN_DELAY=0s",
		"DATABASE_URL="+pgtest.DSN(t), "JWT_SECRET="+rand.Text()+rand.Text(), "DATA_KEY="+rand.Text()+rand.Text())
	environ = append(environ, replica.Patient...)
	password := rand.Text()
	for _, role := range []string{"engineer", "viewer"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", role+"@acme.example", role, password); err != nil {
			t.Fatal(err)
		}
	}
	api, realtime := start(t, "api", programs.API, environ), start(t, "realtime", programs.Realtime, environ)
	for _, r := range []*replica.Replica{api, realtime} {
		if err := r.AwaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{
		API: []string{api.URL()}, Realtime: []string{realtime.URL()}, Email: "engineer@acme.example", Password: password,
		Duration: 2 * time.Second, Rates: Rates{List: 20, Get: 20, Approve: 20, Reject: 10, Ingest: 3}, Sockets: 20, Connections: 8,
		PlanSize: 5, Seed: 1, Patience: patience, Note: t.Logf,
	}
	g, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	driven := make(chan struct{})
	go func() { defer close(driven); g.Drive(ctx) }()
	for tick := time.NewTicker(time.Millisecond); g.received.Load() == 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no socket gets an event")
		}
	}
	if err := realtime.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := realtime.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	<-driven
	r, err := g.Finish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r.Table())
	if !r.Broken.Whole() || r.Failed() > 0 || r.Sent() != len(g.arrivals) || r.Events == 0 || r.Writes == 0 {
		t.Errorf("%s; %d of %d requests failed; %d events, %d writes", r.Broken, r.Failed(), r.Sent(), r.Events, r.Writes)
	}
	if want := r.Events*int64(o.Sockets) + r.Repeated; r.Delivery.Count != want || len(r.Ends) == 0 {
		t.Errorf("%d deliveries, want %d; connections ended: %v", r.Delivery.Count, want, r.Ends)
	}

	o.Email = "viewer@acme.example"
	if _, err := Start(ctx, o); err == nil || !client.HasCode(err, client.CodeForbidden) {
		t.Errorf("a viewer may load: %v", err)
	}
}

func start(t *testing.T, name, program string, environ []string) *replica.Replica {
	t.Helper()
	r, err := replica.New(t.TempDir(), name, program, environ)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Kill()
		if t.Failed() {
			t.Logf("%s printed last:\n%s", name, r.LogTail())
		}
	})
	return r
}
