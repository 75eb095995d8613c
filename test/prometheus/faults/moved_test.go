//go:build faults

package faults

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/test/internal/workload"
	"github.com/driftsentry/driftsentry/testkit/localpg"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// moved is a system whose database goes somewhere else, or back in time.
type moved struct {
	*system
	t         *testing.T
	ctx       context.Context
	number    int
	refused   int                  // writes that got no 2xx
	listeners []*workload.Listener // one that stays at each realtime
}

func startMoved(t *testing.T, environ ...string) *moved {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	m := &moved{system: start(t, environ...), t: t, ctx: ctx}
	work := &workload.Workload{APIs: urls(m.api), Realtime: urls(m.realtime), Token: m.token, Account: account, Timeout: 6 * time.Second}
	follow, leave := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(leave)
	for i := range m.realtime {
		l := work.NewListener(fmt.Sprintf("listener %d", i+1), i)
		l.Stay = true
		ended := make(chan struct{})
		go func() { defer close(ended); l.Run(follow) }()
		t.Cleanup(func() { leave(); <-ended })
		if err := l.Joined(ctx); err != nil {
			t.Fatal(err)
		}
		m.listeners = append(m.listeners, l)
	}
	return m
}

// write makes n drifts, each at both replicas in turn, and waits until each is taken.
func (m *moved) write(n int) {
	m.t.Helper()
	for range n {
		m.number++
		for {
			err := m.report(m.api[m.number%len(m.api)])
			if err == nil {
				break
			}
			if m.ctx.Err() != nil {
				m.t.Fatalf("a write is not taken: %v", err)
			}
			if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusInternalServerError {
				m.t.Errorf("a write got %v", err)
			}
			m.refused++
		}
	}
}

func (m *moved) report(at *replica.Replica) error {
	ctx, cancel := context.WithTimeout(m.ctx, 6*time.Second)
	defer cancel()
	_, err := m.client(m.t, at, m.token).ReportDrift(ctx, client.DriftReport{
		ResourceID: "moved-" + rand.Text(), ResourceType: "aws_instance", Region: "eu-west-1",
		ExpectedState: map[string]any{"size": "small"}, ActualState: map[string]any{"size": "large"},
	})
	return err
}

// delivered waits until every listener has all events.
func (m *moved) delivered() {
	m.t.Helper()
	head, err := m.head(m.ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, l := range m.listeners {
		if err := l.Reach(m.ctx, head); err != nil {
			m.t.Fatal(err)
		}
	}
}

// resynced waits until every listener was told that its place is gone.
func (m *moved) resynced() {
	m.t.Helper()
	for i, l := range m.listeners {
		m.eventually(fmt.Sprintf("listener %d is told to reload", i+1), func() bool {
			_, _, resyncs := l.History()
			return len(resyncs) > 0
		})
	}
}

func (m *moved) eventually(what string, yes func() bool) {
	m.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-m.ctx.Done():
			m.t.Fatalf("never: %s", what)
		}
	}
}

// place is the head of the stream, as GET /events tells it.
func (m *moved) place() string {
	m.t.Helper()
	page, err := m.client(m.t, m.api[0], m.token).ListEvents(m.ctx, "", 1)
	if err != nil {
		m.t.Fatal(err)
	}
	return page.Head
}

// gone checks that the cursor of a lost event is refused.
func (m *moved) gone(cursor string) {
	m.t.Helper()
	if _, err := m.client(m.t, m.api[0], m.token).ListEvents(m.ctx, cursor, 1); !client.HasCode(err, client.CodeConflict) {
		m.t.Errorf("the cursor of a lost event: %v", err)
	}
}

// standby is an asynchronous one that has everything up to now.
func (m *moved) standby() *localpg.Cluster {
	m.t.Helper()
	dir := filepath.Join(pgtest.Folder(m.t), "standby")
	s, err := m.cluster.Standby(m.ctx, localpg.Options{Dir: dir, Fast: true})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(s.Stop(ctx), localpg.Remove(dir)); err != nil {
			m.t.Error(err)
		}
	})
	return s
}

// ask runs a statement that gives a truth.
func (m *moved) ask(c *localpg.Cluster, sql string, args ...any) (yes bool) {
	m.t.Helper()
	conn, err := pgx.Connect(m.ctx, c.DSN("postgres"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(m.ctx))
	if err := conn.QueryRow(m.ctx, sql, args...).Scan(&yes); err != nil {
		m.t.Fatal(err)
	}
	return yes
}

func (m *moved) run(c *localpg.Cluster, statements ...string) {
	m.t.Helper()
	conn, err := pgx.Connect(m.ctx, c.DSN("postgres"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(m.ctx))
	for _, sql := range statements {
		if _, err := conn.Exec(m.ctx, sql); err != nil {
			m.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// caughtUp waits until the standby has what the primary has.
func (m *moved) caughtUp(standby *localpg.Cluster) {
	m.t.Helper()
	var lsn string
	conn, err := pgx.Connect(m.ctx, m.cluster.DSN("postgres"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(m.ctx))
	if err := conn.QueryRow(m.ctx, "select pg_current_wal_flush_lsn()::text").Scan(&lsn); err != nil {
		m.t.Fatal(err)
	}
	m.eventually("the standby catches up", func() bool {
		return m.ask(standby, "select pg_last_wal_replay_lsn() >= $1::pg_lsn", lsn)
	})
}

// moveTo makes the standby the primary, and lets the address lead there. Connections that are open stay where they are.
func (m *moved) moveTo(standby *localpg.Cluster) {
	m.t.Helper()
	if !m.ask(standby, "select pg_promote()") {
		m.t.Fatal("it was not promoted")
	}
	m.postgres.Upstream = standby.Address()
	m.cluster = standby
}

// promotion: an asynchronous standby that has missed the last commits is promoted. Their positions are given to
// other events under the same epoch, and every client that saw the lost ones is told to reload.
func promotion(t *testing.T) string {
	t.Helper()
	m := startMoved(t)
	standby := m.standby()
	m.write(5)
	m.delivered()
	m.caughtUp(standby)
	m.run(standby, "alter system set primary_conninfo = ''", "select pg_reload_conf()")
	m.eventually("the standby follows no more", func() bool { return m.ask(standby, "select count(*) = 0 from pg_stat_wal_receiver") })
	m.write(3)
	m.delivered()
	lost := m.place()

	if err := m.cluster.StopImmediate(m.ctx); err != nil {
		t.Fatal(err)
	}
	m.moveTo(standby)
	return m.lostPlaces(lost)
}

// snapshot: the data folder is put back to an earlier copy, as a volume's snapshot or a restore does it.
func snapshot(t *testing.T) string {
	t.Helper()
	m := startMoved(t)
	m.write(5)
	m.delivered()
	putBack, err := m.cluster.Snapshot(m.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.write(3)
	m.delivered()
	lost := m.place()
	if err := putBack(m.ctx); err != nil {
		t.Fatal(err)
	}
	return m.lostPlaces(lost)
}

// lostPlaces checks what must be true when events are gone, and the cursor of one of them.
func (m *moved) lostPlaces(lost string) string {
	m.t.Helper()
	began := time.Now()
	m.refused = 0
	m.write(len(m.api))
	back := since(began)
	m.write(4)
	m.resynced()
	informed := since(began)
	m.write(1)
	m.delivered()
	m.gone(lost)
	return fmt.Sprintf("writes on both replicas after %s, %d attempts failed until then; %d of %d listeners were told within %s; the cursor got 409",
		back, m.refused, len(m.listeners), len(m.listeners), informed)
}

// switchover: the address leads to the new primary, and the old one stays up and takes no writes. Nothing was lost,
// so no client is told to reload; both services leave the old one by themselves.
func switchover(t *testing.T) string {
	t.Helper()
	m := startMoved(t)
	standby := m.standby()
	m.write(5)
	m.delivered()
	old := m.cluster
	m.run(old, "alter system set default_transaction_read_only = on", "select pg_reload_conf()")
	m.eventually("the old primary takes no writes", func() bool { return m.ask(old, "select current_setting('transaction_read_only') = 'on'") })
	m.caughtUp(standby)
	m.moveTo(standby)
	began := time.Now()
	m.write(2 * len(m.api))
	m.delivered()
	back := since(began)
	// Who signs in now is known to the new primary only.
	session, err := m.admin(t, m.api[0]).SignIn(m.ctx)
	if err != nil {
		t.Fatal(err)
	}
	work := &workload.Workload{APIs: urls(m.api), Realtime: urls(m.realtime), Token: session.AccessToken, Account: account, Timeout: 6 * time.Second}
	for i := range m.realtime {
		l := work.NewListener(fmt.Sprintf("signed in %d", i+1), i)
		l.Stay = true
		ctx, leave := context.WithCancel(m.ctx)
		ended := make(chan struct{})
		go func() { defer close(ended); l.Run(ctx) }()
		if err := l.Joined(m.ctx); err != nil {
			t.Error(err)
		}
		leave()
		<-ended
		if sent, _, _ := l.History(); len(sent.Connections) > 1 {
			t.Errorf("realtime %d refused a user who had just signed in", i+1)
		}
	}
	for i, l := range m.listeners {
		if _, _, resyncs := l.History(); len(resyncs) > 0 {
			t.Errorf("listener %d was told to reload, and nothing was lost: %v", i+1, resyncs)
		}
	}
	m.eventually("all connections have left the old primary", func() bool {
		return m.ask(old, "select count(*) = 0 from pg_stat_activity where application_name like 'driftsentry-%'")
	})
	return fmt.Sprintf("writes and their events on all replicas after %s, %d attempts failed until then; no `resync`; no connection left at the old primary",
		back, m.refused)
}

// cancellation: the clients of lists that wait for a lock go away.
func cancellation(t *testing.T) string {
	t.Helper()
	const clients = 20
	m := startMoved(t, "DATABASE_MAX_CONNS=30", "DATABASE_ACQUIRE_TIMEOUT=60s", "DATABASE_STATEMENT_TIMEOUT=60s", "DATABASE_LOCK_TIMEOUT=60s", "REQUEST_TIMEOUT=90s")
	lock, err := pgx.Connect(m.ctx, m.cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close(context.WithoutCancel(m.ctx))
	if _, err := lock.Exec(m.ctx, "begin; lock table drift in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(m.ctx)
	ended := make(chan error, clients)
	for range clients {
		go func() {
			_, err := m.client(t, m.api[0], m.token).ListDrifts(ctx, client.DriftQuery{}, client.Page{Size: 1})
			ended <- err
		}()
	}
	const waiting = "from pg_stat_activity where application_name = 'driftsentry-api' and wait_event_type = 'Lock' and query like '%drift%'"
	m.eventually("all wait for the lock", func() bool { return m.ask(m.cluster, "select count(*) >= $1 "+waiting, clients) })
	var pids []int32
	if err := lock.QueryRow(m.ctx, "select array_agg(pid) "+waiting).Scan(&pids); err != nil {
		t.Fatal(err)
	}
	before := databaseErrors(m.ctx, m.api[0])
	leave()
	for range clients {
		if err := <-ended; err == nil {
			t.Error("a client got its list")
		}
	}
	m.eventually("no statement waits", func() bool { return m.ask(m.cluster, "select count(*) = 0 "+waiting) })
	if _, err := lock.Exec(m.ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
	m.write(len(m.api))
	if after := databaseErrors(m.ctx, m.api[0]); after != before {
		t.Errorf("errors of the database were counted: %s, before %s", after, before)
	}
	var kept int
	if err := lock.QueryRow(m.ctx, "select count(*) from pg_stat_activity where pid = any($1)", pids).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if kept != len(pids) {
		t.Errorf("%d of %d connections are left", kept, len(pids))
	}
	return fmt.Sprintf("0 errors of the database, %d of %d connections kept", kept, len(pids))
}

// databaseErrors are the lines of a replica's metrics that count errors of the database.
func databaseErrors(ctx context.Context, r *replica.Replica) string {
	var lines []string
	for line := range strings.Lines(metrics(ctx, r)) {
		if strings.HasPrefix(line, "db_client_operation_duration_seconds_count{") && strings.Contains(line, `error_type="`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// without is an environment without these variables.
func without(environ []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}
