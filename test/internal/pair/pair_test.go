package pair

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/child"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// script runs a shell script as a service and waits until it says that it is ready.
func script(t *testing.T, name, text string) *child.Process {
	t.Helper()
	r, w := io.Pipe()
	p, err := child.Start(name, exec.Command("sh", "-c", text), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.Stop(ctx)
	})
	if _, err := io.ReadFull(r, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return p
}

const (
	obedient = `trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done`
	stubborn = `trap '' TERM; echo ready; while :; do sleep 0.01; done`
)

func TestRun_down(t *testing.T) {
	t.Run("stops the services and then the rest, the last first", func(t *testing.T) {
		var out strings.Builder
		r := &run{Options: Options{Console: console.New(&out, false, 0)}}
		r.services = []*child.Process{script(t, "api", obedient), script(t, "realtime", obedient)}
		var order []string
		for _, name := range []string{"database", "telemetry"} {
			r.onClose(func(context.Context) error {
				for _, s := range r.services {
					select {
					case <-s.Done():
					default:
						t.Errorf("%s is closed while %s runs", name, s.Name())
					}
				}
				order = append(order, name)
				return nil
			})
		}
		if err := r.down(t.Context()); err != nil {
			t.Error(err)
		}
		if strings.Join(order, " ") != "telemetry database" || !strings.Contains(out.String(), "Everything has stopped.") {
			t.Errorf("closed %q; said\n%s", order, out.String())
		}
	})
	t.Run("kills the running programs when it is forced", func(t *testing.T) {
		r := &run{Options: Options{Console: console.New(io.Discard, false, 0)}}
		r.services = []*child.Process{script(t, "api", stubborn)}
		closed := false
		r.onClose(func(context.Context) error { closed = true; return nil })
		force, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("forced by a second signal"))
		err := r.down(force)
		if err == nil || !strings.Contains(err.Error(), "api did not stop in time and was killed: forced by a second signal") || !closed {
			t.Errorf("err = %v; closed: %v", err, closed)
		}
	})
}

func TestRun_stay_ends_with_a_service(t *testing.T) {
	r := &run{services: []*child.Process{script(t, "api", obedient), script(t, "realtime", `echo ready; exit 3`)}}
	if err := r.stay(t.Context()); err == nil || !strings.Contains(err.Error(), "realtime ended: exit status 3") {
		t.Errorf("err = %v", err)
	}
}
