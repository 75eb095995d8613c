//go:build stack

package stack

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

const (
	// ordinary is how many traces there are that nothing makes interesting, of which one in ten is to be kept. Their IDs are the same in
	// each run.
	ordinary = 200
	// slowTrace is the threshold of sampling.yaml.
	slowTrace = 500 * time.Millisecond
)

// TestSampling runs the collector with COLLECTOR_SAMPLING=sampling.yaml: a plan, a decision, a slow request and one that fails are kept
// whole, with the spans of both services; of ordinary requests some are kept whole and the others not at all.
//
// Checked by breaking it: without each of the policies errors, slow, decisions and plans its case fails, with 100 or 0 percent of the rest
// the last one.
func TestSampling(t *testing.T) {
	var r recorder
	s := start(t, options{sampling: true, between: func(collector string) string { return record(t, &r, collector) }, extra: []string{"RATE_LIMIT_REQUESTS=1000000"}})
	j := s.work(t)
	slow := s.slowRequest(t, j)
	callers := j.lookOften(t)
	s.arrived(t, &r)
	// This one comes last: when it is in Tempo, those before are decided.
	failed := s.failingRequest(t, j)
	s.arrived(t, &r)

	for _, kept := range []struct {
		name     string
		caller   caller
		services []string
	}{
		{"a request that fails", failed, []string{"driftsentry-api"}},
		{"a slow request", slow, []string{"driftsentry-api"}},
		{"a decision", j.browser, []string{"driftsentry-api", "driftsentry-realtime"}},
		{"a plan", j.ci, []string{"driftsentry-api", "driftsentry-realtime"}},
	} {
		t.Run(kept.name, func(t *testing.T) {
			sent, ok := r.Trace(kept.caller.traceID)
			if !ok {
				t.Fatalf("the trace %s never reached the collector", kept.caller.traceID)
			}
			s.expectSpans(t, []otlpsink.Trace{sent})
			for _, service := range kept.services {
				if !slices.ContainsFunc(sent.Spans, func(span otlpsink.Span) bool { return span.Service == service }) {
					t.Errorf("the trace has no span of %s", service)
				}
			}
		})
	}
	s.drained(t)
	t.Run("one in ten of the rest", func(t *testing.T) {
		kept := 0
		for _, c := range callers {
			sent, ok := r.Trace(c.traceID)
			if !ok {
				t.Fatalf("the trace %s never reached the collector", c.traceID)
			}
			switch missing := s.missing(t.Context(), sent); missing {
			case 0:
				kept++
			case len(sent.Spans):
			default:
				t.Errorf("%d of %d spans of %s are missing", missing, len(sent.Spans), c.traceID)
			}
		}
		t.Logf("%d of %d ordinary traces are kept", kept, len(callers))
		if kept < ordinary/40 || kept > ordinary/5 {
			t.Errorf("%d of %d ordinary traces are kept, want some %d", kept, ordinary, ordinary/10)
		}
	})
}

// lookOften makes the ordinary requests, and returns the callers of those that were not slow by accident.
func (j job) lookOften(t *testing.T) []caller {
	t.Helper()
	ids := rand.New(rand.NewPCG(1, 2)) // The same in each run.
	var callers []caller
	for range 2 * ordinary {
		c := callerOf(ids)
		began := time.Now()
		j.look(t, c)
		if time.Since(began) < slowTrace {
			callers = append(callers, c)
		}
		if len(callers) == ordinary {
			return callers
		}
	}
	t.Fatalf("%d of %d requests took longer than %v", 2*ordinary-len(callers), 2*ordinary, slowTrace)
	return nil
}

func callerOf(ids *rand.Rand) caller {
	var raw [24]byte
	for i := 0; i < len(raw); i += 8 {
		binary.BigEndian.PutUint64(raw[i:], ids.Uint64())
	}
	return caller{traceID: hex.EncodeToString(raw[:16]), spanID: hex.EncodeToString(raw[16:])}
}

// slowRequest holds the table of drifts until a request has waited long enough to be slow.
func (s *system) slowRequest(t *testing.T, j job) caller {
	t.Helper()
	var locking, watching *pgx.Conn
	for _, conn := range []**pgx.Conn{&locking, &watching} {
		var err error
		if *conn, err = pgx.Connect(t.Context(), s.superuser); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*conn).Close(context.WithoutCancel(t.Context())) })
	}
	tx, err := locking.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table drift in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	c := newCaller()
	answered := make(chan error, 1)
	go func() {
		status, err := j.status(t.Context(), "/api/v1/drifts/"+j.drift, c)
		if err == nil && status != http.StatusOK {
			err = errors.New(http.StatusText(status))
		}
		answered <- err
	}()
	eventually(t, "the request waits for the table", func(ctx context.Context) error {
		var waiting bool
		err := watching.QueryRow(ctx, "select exists (select from pg_locks where not granted and relation = 'drift'::regclass)").Scan(&waiting)
		if err == nil && !waiting {
			err = errors.New("nothing waits")
		}
		return err
	})
	if _, err := tx.Exec(t.Context(), "select pg_sleep($1)", 2*slowTrace.Seconds()); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	return c
}

// failingRequest is one that the database fails in an unclassified way.
func (s *system) failingRequest(t *testing.T, j job) caller {
	t.Helper()
	s.administer(t, "alter table drift rename column occurrences to broken")
	c := newCaller()
	status, err := j.status(t.Context(), "/api/v1/drifts/"+j.drift, c)
	s.administer(t, "alter table drift rename column broken to occurrences")
	if err != nil || status != http.StatusInternalServerError {
		t.Errorf("status %d (%v), want 500", status, err)
	}
	return c
}
