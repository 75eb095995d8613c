//go:build soak

package soak

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// usage is what a service holds, by its own metrics.
type usage struct {
	goroutines  float64
	descriptors float64 // but for the pool's
	pool        float64 // connections to Postgres
	heap        float64 // bytes: what the garbage collector last found alive makes this its goal
	resident    float64 // bytes
	cpu         float64 // seconds
}

func (u usage) String() string {
	const mebi = 1 << 20
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors and %.0f connections to Postgres, heap goal %.1f MiB, resident %.1f MiB",
		u.goroutines, u.descriptors, u.pool, u.heap/mebi, u.resident/mebi)
}

// gone says what u has left of what base did not have. The slack is for what comes and goes by itself; a leak is one for each
// request or socket, and these are hundreds.
func (u usage) gone(base usage) error {
	const few = 10
	switch {
	case u.goroutines > base.goroutines+few:
		return fmt.Errorf("goroutines: %.0f after %.0f", u.goroutines, base.goroutines)
	case u.descriptors > base.descriptors+few:
		return fmt.Errorf("file descriptors: %.0f after %.0f", u.descriptors, base.descriptors)
	}
	return nil
}

// within is gone, with memory. It holds after the same work, for what has grown to its size stays so. Resident memory is told but
// not judged: the runtime returns it when it likes.
func (u usage) within(base usage) error {
	const mebi = 1 << 20
	if u.heap > 1.25*base.heap+4*mebi {
		return fmt.Errorf("memory: a heap goal of %.1f MiB after %.1f", u.heap/mebi, base.heap/mebi)
	}
	return u.gone(base)
}

func usageOf(ctx context.Context, r *replica.Replica) (u usage, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/metrics", http.NoBody)
	if err != nil {
		return u, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return u, err
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return u, err
	}
	for name, to := range map[string]*float64{
		"go_goroutine_count": &u.goroutines, "process_open_fds": &u.descriptors, "pgxpool_total_connections": &u.pool,
		"go_memory_gc_goal_bytes": &u.heap, "process_resident_memory_bytes": &u.resident, "process_cpu_seconds_total": &u.cpu,
	} {
		family := families[name]
		if family == nil {
			return u, fmt.Errorf("%s has no metric %s", r.Name, name)
		}
		m := family.GetMetric()[0]
		*to = m.GetGauge().GetValue() + m.GetCounter().GetValue() // It is one of them.
	}
	u.descriptors -= u.pool
	return u, nil
}

// await asks a service for its usage until it is as wanted, and gives the last one. Each question makes the collector run
// sooner.
func await(ctx context.Context, r *replica.Replica, wanted func(usage) error) (u usage, err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if u, err = usageOf(ctx, r); err != nil {
			return u, err
		}
		if err = wanted(u); err == nil {
			return u, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return u, fmt.Errorf("%s does not return to where it was: %w", r.Name, err)
		}
	}
}

// settled waits until a service, which nobody uses any more, holds no less than a while ago.
func settled(ctx context.Context, t *testing.T, r *replica.Replica) usage {
	t.Helper()
	lowest, same := usage{}, 0
	u, err := await(ctx, r, func(u usage) error {
		if same == 0 || u.goroutines < lowest.goroutines || u.descriptors < lowest.descriptors || u.heap < lowest.heap {
			lowest, same = u, 0
		}
		same++
		if same < 50 {
			return fmt.Errorf("it still shrinks: %s", u)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// expectNoTransactionOpen: nobody holds a transaction in Postgres, and no connections but the pools' are left.
func (p *pair) expectNoTransactionOpen(ctx context.Context, t *testing.T, connections int) {
	t.Helper()
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var open, idle int
	if err := conn.QueryRow(ctx, `select count(*), count(*) filter (where state like 'idle in transaction%')
		from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`).Scan(&open, &idle); err != nil {
		t.Fatal(err)
	}
	if open > connections || idle > 0 {
		t.Errorf("Postgres has %d connections, of which %d are in a transaction; the services' pools have %d", open, idle, connections)
	}
}
