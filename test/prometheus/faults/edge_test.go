//go:build faults

package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// impatient is an edge as Kubernetes' own is: it sends new requests to who says that it is ready, and tries none again.
// So a service that ends must first say that it is not ready, and still serve for a while.
const impatient = `{
	admin off
}
(replicas) {
	lb_try_duration 0
	health_uri /health/ready
	health_interval 100ms
	health_timeout 10s
}
{$SITE_ADDRESS} {
	handle /ws {
		reverse_proxy %s {
			import replicas
		}
	}
	handle {
		reverse_proxy %s {
			import replicas
		}
	}
}
`

// startEdge runs Caddy before the replicas, and gives its URL.
func startEdge(t *testing.T, program string, s *system, asShipped bool) (url string) {
	t.Helper()
	api, realtime := addresses(s.api), addresses(s.realtime)
	text := fmt.Sprintf(impatient, strings.Join(realtime, " "), strings.Join(api, " "))
	if asShipped {
		text = shipped.Edge(t, api, realtime)
	}
	front := &replica.Replica{Name: "caddy", Port: loopback.Port(t)}
	file := filepath.Join(s.dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.dir, "caddy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "run", "--adapter", "caddyfile", "--config", file)
	cmd.Env = append(os.Environ(), "SITE_ADDRESS="+front.URL(), "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	p, err := child.Start("caddy", cmd, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill() // It would wait for sockets that are open.
		if !t.Failed() {
			return
		}
		text, _ := os.ReadFile(log.Name())
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"level":"error"`) && !strings.Contains(line, `"uri":"/ws"`) {
				t.Logf("caddy: %s", line)
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
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
	return front.URL()
}

func addresses(replicas []*replica.Replica) []string {
	var list []string
	for _, r := range replicas {
		list = append(list, r.Address())
	}
	return list
}
