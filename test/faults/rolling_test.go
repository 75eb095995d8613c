//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// edge is what the shipped Caddyfile does for the two services, with two replicas of each. A replica that says that it is not
// ready gets no new requests; one that is not there is passed over.
const edge = `{
	admin off
}
(patience) {
	lb_try_duration 5s
	lb_try_interval 50ms
	health_uri /health/ready
	health_interval 100ms
	health_timeout 2s
	transport http {
		dial_timeout 2s
	}
}
http://127.0.0.1:%d {
	handle /ws {
		reverse_proxy %s %s {
			import patience
		}
	}
	handle {
		reverse_proxy %s %s {
			import patience
		}
	}
}
`

// TestRollingRestart replaces every replica behind Caddy, one after the other, while clients work: no request fails, and no
// event is lost.
//
// Mutation: Kill instead of Stop, and requests fail. Without the drain delay none did: see docs/faults.md.
func TestRollingRestart(t *testing.T) {
	caddy := installed.Programs(t, "caddy")["caddy"]
	r := startRun(t, 3, "SHUTDOWN_DRAIN_DELAY=2s")
	port := startCaddy(t, caddy, r.system)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	r.work.Redirect([]string{url}, []string{url})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range 20 {
		l := r.listen(fmt.Sprintf("browser %d", i+1), 0, false)
		if err := l.Joined(ctx); err != nil {
			t.Fatal(err)
		}
	}
	// What was sent to the replicas themselves is answered by now: a client has one call at a time.
	if err := r.meetWith(ctx, http.StatusOK, enough); err != nil {
		t.Fatal(err)
	}
	r.work.Seen.Take()
	for _, one := range r.all() {
		if err := one.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := one.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.meetWith(ctx, http.StatusCreated, enough); err != nil {
		t.Fatal(err)
	}
	counts := r.work.Seen.Take()
	for status, n := range counts {
		if status != http.StatusOK && status != http.StatusCreated && status != http.StatusConflict {
			t.Errorf("%d requests were answered with %d", n, status)
		}
	}
	t.Logf("four replicas replaced; answers %s", answers(counts))
	r.finish()
}

func startCaddy(t *testing.T, program string, s *system) (port int) {
	t.Helper()
	port = loopback.Port(t)
	file := filepath.Join(s.dir, "Caddyfile")
	text := fmt.Sprintf(edge, port, s.realtime[0].Address(), s.realtime[1].Address(), s.api[0].Address(), s.api[1].Address())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.dir, "caddy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "run", "--adapter", "caddyfile", "--config", file)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	p, err := child.Start("caddy", cmd, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Stop(ctx) // Sockets that are open may keep it.
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	front := &replica.Replica{Name: "caddy", Port: port}
	for tick := time.NewTicker(20 * time.Millisecond); !front.Ready(ctx); {
		select {
		case <-tick.C:
		case <-p.Done():
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("caddy ended: %v\n%s", p.Err(), text)
		case <-ctx.Done():
			t.Fatal("caddy is not ready")
		}
	}
	return port
}
