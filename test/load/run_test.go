package load

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// patience bounds every wait. Only a failing test comes near it.
const patience = 5 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// TestRun loads a real pair, whose realtime is killed and started again meanwhile: no request fails, every socket
// reconnects, and all receive every event. A user who may not decide gets an error that says so.
//
// Mutation: if realtime ignores `after`, events are lost.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	environ := replica.Environ(pgtest.DSN(t), append(slices.Clone(replica.Unhurried), "LOG_LEVEL=warn")...)
	password := rand.Text()
	for _, role := range []string{"engineer", "viewer"} {
		if err := replica.CreateUser(ctx, programs.API, environ, "acme", role+"@acme.example", role, password); err != nil {
			t.Fatal(err)
		}
	}
	pair := replica.StartPair(ctx, t, programs, environ)
	o := Options{
		API: []string{pair.API.URL()}, Realtime: []string{pair.Realtime.URL()}, Email: "engineer@acme.example", Password: password,
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
	if err := pair.Realtime.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := pair.Realtime.Restart(ctx); err != nil {
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
