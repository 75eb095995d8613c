//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/internal/workload"
)

// repeat does something again and again in a goroutine; the result ends that.
func (r *run) repeat(do func() error) func(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			if err := do(); err != nil {
				ended <- err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				ended <- nil
				return
			}
		}
	}()
	return func(context.Context) error {
		cancel()
		return <-ended
	}
}

// readOnly makes the database refuse writes, or allow them again.
func (r *run) readOnly(ctx context.Context, verb string) error {
	statement := "alter system set default_transaction_read_only = on"
	if verb == "reset" {
		statement = "alter system reset default_transaction_read_only"
	}
	return errors.Join(r.execute(ctx, statement), r.execute(ctx, "select pg_reload_conf()"))
}

// fullDisk restarts a replica with its log on a full disk.
func (r *run) fullDisk(ctx context.Context, one *replica.Replica) (func(context.Context) error, error) {
	with := func(ctx context.Context, stdout string) error {
		one.Stdout = stdout
		return errors.Join(one.Stop(ctx), one.Restart(ctx))
	}
	err := with(ctx, "/dev/full")
	r.work.Seen.Take() // The restart is not the fault.
	return func(ctx context.Context) error { return with(ctx, "") }, err
}

// outOfMemory makes a replica exceed its memory limit, three times, with an upload that needs more memory than allowed.
func (r *run) outOfMemory(ctx context.Context, one *replica.Replica) (func(context.Context) error, error) {
	plan, err := json.Marshal(workload.Plan(30_000, 0))
	if err != nil {
		return nil, err
	}
	for range 3 {
		if err := limitMemory(one.PID()); err != nil {
			return nil, err
		}
		for alive := true; alive; {
			if err := r.upload(ctx, one, "large", plan); err != nil {
				return nil, err
			}
			select {
			case <-one.Done():
				alive = false
			case <-ctx.Done():
				return nil, fmt.Errorf("%s does not die: %w", one.Name, context.Cause(ctx))
			default:
			}
		}
		if err := one.Restart(ctx); err != nil {
			return nil, err
		}
		if err := r.watch.More(ctx, 2); err != nil { // Each start must be seen.
			return nil, err
		}
	}
	return func(context.Context) error { return nil }, nil
}

// limitMemory forbids the process any more of it than it has.
func limitMemory(pid int) error {
	limit := unix.Rlimit{Cur: 1, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil); err != nil {
		return fmt.Errorf("limit the memory of process %d: %w", pid, err)
	}
	return nil
}

// upload sends a plan to a replica. A fault may cost the response, or make it a failure of the server; a refusal of the plan
// is an error, because then the fault does not happen.
func (r *run) upload(ctx context.Context, to *replica.Replica, workspace string, plan []byte) error {
	ctx, cancel := context.WithTimeout(ctx, r.work.Timeout)
	defer cancel()
	_, err := r.client(r.t, to, r.token).SendPlan(ctx, workspace, bytes.NewReader(plan), client.PlanOptions{})
	for _, refusal := range []client.Code{client.CodeValidation, client.CodeAuth, client.CodeForbidden, client.CodePayloadTooLarge} {
		if client.HasCode(err, refusal) {
			return err
		}
	}
	return nil
}

// How many sockets read nothing in one fault, and come to the other replica at once in another.
const (
	slow  = 2000
	crowd = 300
)

// slowConsumers opens sockets that read nothing, though they are alive, and sends more events than the kernel keeps.
func (r *run) slowConsumers(ctx context.Context) (func(context.Context) error, error) {
	var raw []net.Conn
	narrow := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		raw = append(raw, conn)
		return conn, conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	}}}
	url := strings.Replace(r.realtime[0].URL(), "http", "ws", 1) + "/ws"
	for range slow {
		conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			HTTPClient: narrow, Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + r.token}},
		})
		if err != nil {
			return nil, err
		}
		if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","id":"1","topics":["drifts","alerts","checks"]}`)); err != nil {
			return nil, err
		}
	}
	// An unsolicited pong says that the client is alive: it is slow, not silent.
	stop := r.repeat(func() error {
		for _, c := range raw {
			_, _ = c.Write([]byte{0x8a, 0x80, 0, 0, 0, 0}) // Sooner or later it is closed.
		}
		return nil
	})
	heal := func(ctx context.Context) error {
		err := stop(ctx)
		for _, c := range raw {
			_ = c.Close()
		}
		return err
	}
	for round := range 10 {
		plan, err := json.Marshal(workload.Plan(300, round))
		if err == nil {
			err = r.upload(ctx, r.api[0], "busy", plan)
		}
		if err != nil {
			return heal, err
		}
	}
	return heal, nil
}

// storm gives one realtime many listeners, and kills it.
func (r *run) storm(ctx context.Context) (func(context.Context) error, error) {
	var all []*workload.Listener
	for i := range crowd {
		all = append(all, r.listen(fmt.Sprintf("storm %d", i+1), 0, false))
	}
	for _, l := range all {
		if err := l.Joined(ctx); err != nil {
			return nil, err
		}
	}
	return again(r.realtime[0]), r.realtime[0].Kill()
}
