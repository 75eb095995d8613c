//go:build soak

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// usage is what a service holds, by its own account.
type usage struct {
	goroutines  float64
	descriptors float64 // except the pool's
	pool        float64 // connections to Postgres
	heap        float64 // bytes: the lowest is what lives, the rest waits for the garbage collector
	resident    float64 // bytes
	cpu         float64 // seconds
}

func (u usage) String() string {
	const mebi = 1 << 20
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors and %.0f connections to Postgres, heap %.1f MiB, resident %.1f MiB",
		u.goroutines, u.descriptors, u.pool, u.heap/mebi, u.resident/mebi)
}

// gone says what u holds that base did not. The slack is for normal variation; a leak is one for each
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

// within is gone, with memory. It holds after the same work, for what has grown to its size stays so. Resident memory
// is reported but not checked: the runtime decides when to return it.
func (u usage) within(base usage) error {
	const mebi = 1 << 20
	if err := u.gone(base); err != nil {
		return err
	}
	if u.heap > 1.25*base.heap+2*mebi {
		return fmt.Errorf("memory: a heap of %.1f MiB after %.1f", u.heap/mebi, base.heap/mebi)
	}
	return nil
}

func usageOf(ctx context.Context, r *replica.Replica) (u usage, err error) {
	// The runtime's own metrics are up to 15 s old, this is not.
	text, err := get(ctx, r.URL()+"/health/detailed")
	if err != nil {
		return u, err
	}
	var report struct {
		Goroutines float64
		Memory     struct{ HeapUsedMB float64 }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return u, err
	}
	u.goroutines, u.heap = report.Goroutines, report.Memory.HeapUsedMB*(1<<20)
	if text, err = get(ctx, r.URL()+"/metrics"); err != nil {
		return u, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return u, err
	}
	for name, to := range map[string]*float64{
		"process_open_fds": &u.descriptors, "db_client_connection_count": &u.pool,
		"process_resident_memory_bytes": &u.resident, "process_cpu_seconds_total": &u.cpu,
	} {
		family := families[name]
		if family == nil {
			return u, fmt.Errorf("%s has no metric %s", r.Name, name)
		}
		for _, m := range family.GetMetric() {
			*to += m.GetGauge().GetValue() + m.GetCounter().GetValue() // It is one of them.
		}
	}
	u.descriptors -= u.pool
	return u, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// await asks a service for its usage until it is as wanted, and returns the last one. Each question makes the collector
// run sooner.
func await(ctx context.Context, r *replica.Replica, wanted func(usage) error) (u usage, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, failed := usageOf(ctx, r)
		if failed != nil {
			return u, errors.Join(err, failed)
		}
		u = now
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

// awaitQuiet waits until an idle service holds no less than a while ago, and returns the least that it held.
func awaitQuiet(ctx context.Context, t *testing.T, r *replica.Replica) usage {
	t.Helper()
	lowest, same := usage{goroutines: math.Inf(1), descriptors: math.Inf(1), heap: math.Inf(1)}, 0
	u, err := await(ctx, r, func(u usage) error {
		same++
		if u.goroutines < lowest.goroutines || u.descriptors < lowest.descriptors || u.heap < lowest.heap {
			same = 0
		}
		lowest.goroutines, lowest.descriptors, lowest.heap = min(lowest.goroutines, u.goroutines), min(lowest.descriptors, u.descriptors), min(lowest.heap, u.heap)
		if same < 100 {
			return fmt.Errorf("it still shrinks: %s", u)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	u.goroutines, u.descriptors, u.heap = lowest.goroutines, lowest.descriptors, lowest.heap
	return u
}

// expectNoTransactionOpen: no transaction is open in Postgres, and soon only the pools' connections are left.
func (p *pair) expectNoTransactionOpen(ctx context.Context, t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// What a pool has just closed is there for a moment more.
	if _, err := await(ctx, p.API, func(api usage) error {
		realtime, err := usageOf(ctx, p.Realtime)
		if err != nil {
			return err
		}
		connections := int(api.pool+realtime.pool) + 1 // the one that listens
		var open, idle int
		if err := conn.QueryRow(ctx, `select count(*), count(*) filter (where state like 'idle in transaction%') from pg_stat_activity
			where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`).Scan(&open, &idle); err != nil {
			return err
		}
		if open > connections || idle > 0 {
			return fmt.Errorf("Postgres has %d connections, of which %d are in a transaction; the services' pools have %d", open, idle, connections)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
