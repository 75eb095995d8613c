package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/test/internal/workload"
)

// Generator is a run. Its methods are called once, in the order Drive, Finish.
type Generator struct {
	o         Options
	workspace string // used only by this run
	apis      []*client.Client
	http      *http.Client // shared by all
	arrivals  []arrival
	drifts    []string     // made for this run; each is decided at most once
	decided   atomic.Int64 // how many of them
	began     event.Cursor // the stream before the first socket

	sockets   []*socket
	following sync.WaitGroup
	leave     context.CancelFunc

	latencies [operations]Latencies // by operation, from when each was due
	late      Latencies             // from when one was due until it was sent
	delivery  Latencies             // from an event's time until a socket had it
	deliveries
	ends       counts // of sockets
	unanswered counts // requests, by what happened to their connection

	mu      sync.Mutex
	answers [operations]map[int]int // by status
	writes  []write
	drove   time.Duration
}

// Start checks the options, signs in, makes the drifts that will be decided, and opens the sockets.
func Start(ctx context.Context, o Options) (*Generator, error) {
	if o.Note == nil {
		o.Note = func(string, ...any) {}
	}
	if err := o.check(ctx); err != nil {
		return nil, err
	}
	g := &Generator{
		o: o, workspace: "load-" + strings.ToLower(rand.Text()[:8]), arrivals: schedule(o),
	}
	for i := range g.answers {
		g.answers[i] = map[int]int{}
	}
	if err := g.connect(); err != nil {
		return nil, err
	}
	if _, err := g.api(0).SignIn(ctx); err != nil {
		return nil, fmt.Errorf("%s at %s: %w", o.Email, o.API[0], err)
	}
	if err := g.prepare(ctx); err != nil {
		return nil, errors.Join(err, g.cleanUp(ctx))
	}
	if err := g.open(ctx); err != nil {
		return nil, errors.Join(err, g.cleanUp(ctx))
	}
	return g, nil
}

func (g *Generator) plans() string { return g.workspace + "-plans" }

// prepare makes a drift for each decision, and some to look at.
func (g *Generator) prepare(ctx context.Context) error {
	const some, batch = 100, 100 // The response to a plan names its first 100 drifts.
	need := some
	for _, a := range g.arrivals {
		if a.op == Approve || a.op == Reject {
			need++
		}
	}
	g.o.Note("Making %d drifts in the workspace %s …", need, g.workspace)
	for first := 0; first < need; first += batch {
		ids, err := g.upload(ctx, 0, g.workspace, "partial", plan(workload.Drifted(first, batch, 0)))
		if err != nil {
			return fmt.Errorf("send a plan with %d drifts as %s:%s %w", batch, g.o.Email, hint(status(err)), err)
		}
		if len(ids) != batch {
			return fmt.Errorf("a plan with %d drifts got a response with %d drifts", batch, len(ids))
		}
		g.drifts = append(g.drifts, ids...)
	}
	g.writes = nil // They came before the sockets, so they are not compared.
	head, err := g.head(ctx)
	g.began = head
	return err
}

// opening is how many handshakes are under way at once.
const opening = 100

// open opens the sockets and waits until all have subscribed.
func (g *Generator) open(ctx context.Context) error {
	g.o.Note("Opening %d sockets …", g.o.Sockets)
	followCtx, leave := context.WithCancel(context.WithoutCancel(ctx))
	g.leave = leave
	ctx, cancel := context.WithTimeoutCause(ctx, g.o.Patience, errors.New("the sockets did not open in time"))
	defer cancel()
	for i := range g.o.Sockets {
		s := &socket{g: g, number: i, joined: make(chan struct{})}
		g.sockets = append(g.sockets, s)
		g.following.Go(func() { s.run(followCtx) })
		if i < opening {
			continue
		}
		if err := g.join(ctx, g.sockets[i-opening]); err != nil {
			return err
		}
	}
	for _, s := range g.sockets {
		if err := g.join(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (g *Generator) join(ctx context.Context, s *socket) error {
	select {
	case <-s.joined:
		return nil
	case <-ctx.Done():
		g.close()
		text := list(g.ends.m)
		if strings.Contains(text, "429") {
			text += ". Realtime's limits are MAX_CONNECTIONS, MAX_CONNECTIONS_PER_USER, MAX_CONNECTIONS_PER_ADDRESS and RATE_LIMIT_HANDSHAKES"
		}
		return fmt.Errorf("socket %d of %d: %w; connections that ended: %s", s.number+1, g.o.Sockets, context.Cause(ctx), text)
	}
}

// close ends all sockets.
func (g *Generator) close() {
	g.leave()
	g.following.Wait()
}

// Drive sends the requests of the schedule, and returns when all have a response. When ctx ends, it sends no more.
func (g *Generator) Drive(ctx context.Context) {
	due := make(chan int, len(g.arrivals))
	began := time.Now()
	var workers sync.WaitGroup
	for range g.o.Connections {
		workers.Go(func() {
			for i := range due {
				g.serve(context.WithoutCancel(ctx), i, began)
			}
		})
	}
	defer func() {
		close(due)
		workers.Wait()
		g.drove = time.Since(began)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, a := range g.arrivals {
		timer.Reset(time.Until(began.Add(a.due)))
		select {
		case <-timer.C:
			due <- i
		case <-ctx.Done():
			return
		}
	}
}

func (g *Generator) serve(ctx context.Context, i int, began time.Time) {
	a := g.arrivals[i]
	due := began.Add(a.due)
	g.late.add(i, time.Since(due))
	var arrived time.Time
	status := g.do(context.WithValue(ctx, clock{}, &arrived), a.op, i)
	if arrived.IsZero() {
		arrived = time.Now() // No response came.
	}
	g.latencies[a.op].add(i, arrived.Sub(due))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[a.op][status]++
}

// Finish waits until every socket has all events of the stream, compares the acknowledged writes with the stream, closes
// the sockets, and resolves the drifts of the run.
func (g *Generator) Finish(ctx context.Context) (Result, error) {
	defer g.http.CloseIdleConnections()
	head, err := g.head(ctx)
	if err != nil {
		g.close()
		return Result{}, errors.Join(err, g.cleanUp(ctx))
	}
	g.o.Note("Waiting until each socket has everything up to position %d …", head.Position)
	missed := g.await(ctx, head.Position)
	g.close()
	missing, err := g.compare(ctx, head)
	r := g.result(head, missed, missing)
	g.o.Note("Resolving the drifts of the workspace %s …", g.workspace)
	return r, errors.Join(err, g.cleanUp(ctx))
}

// await returns how many events the sockets still lack at the timeout.
func (g *Generator) await(ctx context.Context, head int64) (missed int64) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		missed = 0
		for _, s := range g.sockets {
			missed += max(head-s.position.Load(), 0)
		}
		if missed == 0 {
			return 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return missed
		}
	}
}

// cleanUp resolves the drifts of the run, with a plan that has no drift.
func (g *Generator) cleanUp(ctx context.Context) error {
	var problems []error
	for _, workspace := range []string{g.workspace, g.plans()} {
		if _, err := g.upload(ctx, 0, workspace, "full", plan([]map[string]any{})); err != nil {
			problems = append(problems, fmt.Errorf("the drifts of workspace %s are not resolved: %w", workspace, err))
		}
	}
	return errors.Join(problems...)
}

// list formats counts as text.
func list[K ~string](m map[K]int) string {
	if len(m) == 0 {
		return "none"
	}
	var words []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, fmt.Sprintf("%s: %d", k, m[k]))
	}
	return strings.Join(words, ", ")
}

func hint(status int) string {
	if status == http.StatusTooManyRequests {
		return " The api's limit is RATE_LIMIT_REQUESTS."
	}
	return ""
}
