//go:build faults

package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/history"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/internal/workload"
	"github.com/driftsentry/driftsentry/test/prometheus/alarm"
)

// run is a system with clients that use it and a watch over its alerts.
type run struct {
	*system
	t         *testing.T
	work      *workload.Workload
	watch     *alarm.Watch
	writers   int
	end       context.CancelFunc // of the clients that write
	clients   sync.WaitGroup
	leave     context.CancelFunc // of the listeners
	listening sync.WaitGroup
	followCtx context.Context

	listeners []*workload.Listener
	probes    []*workload.Listener // one that stays at each realtime
	number    int
}

const (
	writers = 5
	// scrapePause is what stands for half a minute in the eyes of the alerts.
	scrapePause = 150 * time.Millisecond
)

func startRun(t *testing.T, seed uint64, environ ...string) *run {
	t.Helper()
	s := start(t, environ...)
	r := &run{system: s, t: t, writers: writers, work: &workload.Workload{
		APIs: urls(s.api), Realtime: urls(s.realtime), Token: s.token, Account: account, Seed: seed,
		Timeout: 6 * time.Second, Pause: 25 * time.Millisecond,
	}}
	var targets []alarm.Target
	for i, replicas := range [][]string{urls(s.api), urls(s.realtime)} {
		for _, url := range replicas {
			targets = append(targets, alarm.Target{Job: []string{"driftsentry-api", "driftsentry-realtime"}[i], Instance: strings.TrimPrefix(url, "http://"), URL: url + "/metrics"})
		}
	}
	var err error
	if r.watch, err = alarm.New("../../../deploy/prometheus/rules/*.yml", time.Second, targets); err != nil {
		t.Fatal(err)
	}
	r.followCtx, r.leave = context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(func() { r.leave(); r.listening.Wait() })
	r.listening.Go(func() { r.watch.Run(r.followCtx, scrapePause) })
	// What a replica says of its readiness in its metrics, it has found when it was last asked.
	for _, one := range s.all() {
		r.listening.Go(func() { askReadiness(r.followCtx, one) })
	}
	joinCtx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range s.realtime {
		r.listen(fmt.Sprintf("listener %d", i+1), i, false)
		r.probes = append(r.probes, r.listen(fmt.Sprintf("probe of realtime-%d", i+1), i, true))
	}
	for _, l := range r.listeners {
		if err := l.Joined(joinCtx); err != nil {
			t.Fatal(err)
		}
	}
	writeCtx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	r.end = end
	t.Cleanup(func() { end(); r.clients.Wait() })
	for i := range r.writers {
		r.clients.Go(func() { r.work.Run(writeCtx, i+1) })
	}
	return r
}

// askReadiness is the probe of an orchestrator.
func askReadiness(ctx context.Context, one *replica.Replica) {
	tick := time.NewTicker(2 * scrapePause)
	defer tick.Stop()
	for {
		one.Ready(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// listen adds a listener; Joined waits for it.
func (r *run) listen(name string, at int, stay bool) *workload.Listener {
	l := r.work.NewListener(name, at)
	l.Stay = stay
	r.listeners = append(r.listeners, l)
	r.listening.Go(func() { l.Run(r.followCtx) })
	return l
}

// recovered waits until every api has done a write, and every realtime brought its event, and tells how long that took.
func (r *run) recovered(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for _, one := range r.api {
		c := r.client(r.t, one, r.token)
		for {
			r.number++
			err := r.probe(ctx, c, fmt.Sprintf("probe-%d-%d", r.work.Seed, r.number))
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return 0, fmt.Errorf("%s does not recover: %w", one.Name, err)
			}
		}
	}
	head, err := r.head(ctx)
	if err != nil {
		return 0, err
	}
	for _, l := range r.probes {
		if err := l.Reach(ctx, head); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// probe is a write without a key that is no client's: it may be done although it fails.
func (r *run) probe(ctx context.Context, c *client.Client, resource string) error {
	ctx, cancel := context.WithTimeout(client.WithIdempotencyKey(ctx, ""), r.work.Timeout)
	defer cancel()
	_, err := c.ReportDrift(ctx, client.DriftReport{
		ResourceID: resource, ResourceType: "aws_instance", Region: "eu-west-1",
		ExpectedState: map[string]any{"size": "small"}, ActualState: map[string]any{"size": "large"},
	})
	return err
}

// enough is how many responses the clients shall get while a fault lasts.
const enough = 3 * writers

// meet waits until the clients have met the fault.
func (r *run) meet(ctx context.Context) error { return r.meetWith(ctx, workload.Any, enough) }

// meetWith waits until the clients have got this many responses with the status.
func (r *run) meetWith(ctx context.Context, status, n int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.work.Seen.Count(status) < n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the clients got %d responses: %w", r.work.Seen.Count(status), context.Cause(ctx))
		}
	}
	return nil
}

// during waits until the clients have met the fault, and its alert has fired.
func (r *run) during(ctx context.Context, f fault) error {
	if err := r.meet(ctx); err != nil {
		return err
	}
	if f.delivers {
		// Two seconds are promised; without the look at the heads they come with what else happens, after half a
		// minute.
		soon, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := r.recovered(soon); err != nil {
			return fmt.Errorf("while it lasts, events don't come through: %w", err)
		}
	}
	if f.alert == "" {
		return r.watch.Rounds(ctx, 10)
	}
	return r.watch.Await(ctx, f.alert)
}

// finish stops the clients, lets the listeners come to the end of the stream, and checks everything.
func (r *run) finish() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	r.end()
	r.clients.Wait()
	head, err := r.head(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var listeners []history.Listener
	events, connections := 0, 0
	for _, l := range r.listeners {
		if err := l.Reach(ctx, head); err != nil {
			r.t.Error(err)
		}
		sent, got, resyncs := l.History()
		if len(resyncs) > 0 {
			r.t.Errorf("%s was told that its place is gone: %v", sent.Name, resyncs)
		}
		listeners = append(listeners, sent, got)
		connections += len(sent.Connections)
		for _, c := range sent.Connections {
			events += len(c)
		}
	}
	state, err := history.Load(ctx, r.cluster.DSN("driftsentry"), account)
	if err != nil {
		r.t.Fatal(err)
	}
	calls := r.work.Log.Calls()
	broken := history.Check(calls, listeners, state)
	for i, b := range broken {
		if i == 20 {
			r.t.Errorf("… and %d more", len(broken)-i)
			break
		}
		r.t.Error(b)
	}
	if sent := r.sentry.Events(); len(sent) > 0 {
		r.t.Errorf("%d unexpected errors; the first: %s", len(sent), sent[0].Raw)
	}
	r.t.Logf("%s\nthe stream has %d events; %d listeners saw %d of them over %d connections; %d promises were broken",
		summary(calls), head, len(r.listeners), events, connections, len(broken))
}

// summary counts the calls by what became of them.
func summary(calls []history.Call) string {
	counts := map[string]int{}
	for _, c := range calls {
		outcome := "unknown"
		switch {
		case c.Acknowledged():
			outcome = "acknowledged"
		case c.Refused():
			outcome = "refused"
		}
		counts[fmt.Sprintf("%s %s", c.Kind, outcome)]++
		if c.Acknowledged() && len(c.Attempts) > 1 {
			counts[string(c.Kind)+" acknowledged at a repetition"]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls:", len(calls))
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, " %s %d;", k, counts[k])
	}
	return strings.TrimSuffix(b.String(), ";")
}
