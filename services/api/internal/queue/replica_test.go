package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/dial"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/courier"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/queue"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// replica is what a process needs that makes drifts and sends notifications. Its name is in the User-Agent.
type replica struct {
	db     *pg.DB
	drifts *drift.Service
	notify *notify.Service
	queue  *queue.Queue
	hints  *hint.Sender
}

// trusting takes each actor for an admin: who may do it is not the subject here.
type trusting struct{}

func (trusting) Act(context.Context, identity.ActorTx, identity.Principal, identity.Role) (audit.Actor, error) {
	return audit.System, nil
}

const dataKey = "a key of thirty-two bytes, or so"

func newReplica(ctx context.Context, dsn, name string) (*replica, error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{ServiceName: name, Disabled: true})
	if err != nil {
		return nil, err
	}
	r := &replica{}
	if r.db, err = pg.Open(ctx, pg.Config{
		URL: config.Secret(dsn), MaxConns: 16, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute, StatementTimeout: time.Minute,
		LockTimeout: time.Minute, IdleInTransaction: time.Minute,
	}, name, tel); err != nil {
		return nil, err
	}
	if r.hints, err = hint.NewSender(hint.Postgres{DB: r.db}, tel); err != nil {
		return nil, err
	}
	if r.drifts, err = drift.New(drift.Config{Store: postgres.NewDriftStore(r.db), Hints: r.hints, DataKey: []byte(dataKey), Telemetry: tel}); err != nil {
		return nil, err
	}
	if r.notify, err = notify.New(notify.Config{
		Store: postgres.NewNotifyStore(r.db), Actors: trusting{}, Hints: r.hints, DataKey: dataKey, PlainHTTP: true, Telemetry: tel,
		Sender: courier.New(courier.Config{Guard: dial.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Version: name}),
	}); err != nil {
		return nil, err
	}
	r.queue = queue.New(r.db.Pool(), r.notify, tel)
	r.queue.SetRescue(11*time.Second, 12*time.Second)
	return r, nil
}

// world is a replica that does not work yet, with an account and an admin.
type world struct {
	*replica

	t     *testing.T
	dsn   string
	admin identity.Principal
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dsn: pgtest.DSN(t)}
	var err error
	if w.replica, err = newReplica(t.Context(), w.dsn, "first"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	w.admin = identity.Principal{AccountID: uuid.New(), UserID: uuid.New(), SessionID: uuid.New(), Email: "ada@example.com", Role: identity.Admin}
	w.exec("insert into account (id, name) values ($1, 'acme')", w.admin.AccountID)
	w.exec("insert into account_stream (account_id) values ($1)", w.admin.AccountID)
	w.exec("insert into app_user (id, account_id, email, name, role) values ($1, $2, 'ada@example.com', 'Ada', 'admin')", w.admin.UserID, w.admin.AccountID)
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) channel(url string) *notify.Channel {
	w.t.Helper()
	c, _, err := w.notify.Create(w.t.Context(), w.admin, notify.NewChannel{Name: uuid.NewString(), Kind: notify.Webhook, URL: url, Enabled: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// tell makes a drift, which is a message.
func (w *world) tell(resource string) {
	w.t.Helper()
	if _, err := w.drifts.Create(w.t.Context(), w.admin, drift.Report{
		ResourceID: resource, ResourceType: "aws_instance", Region: "eu-central-1", Workspace: drift.DefaultWorkspace,
		ExpectedState: json.RawMessage(`{"size":"small"}`), ActualState: json.RawMessage(`{"size":"large"}`),
	}); err != nil {
		w.t.Fatal(err)
	}
}

// work runs the queue until the returned function is called, or the test ends.
func (w *world) work() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.queue.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// order gives the resources that messages are about, in the order of their first coming, and fails if one came under two ids or two
// under one.
func order(t *testing.T, got []received) []string {
	t.Helper()
	var resources []string
	ids := map[string]string{}
	for _, m := range got {
		var body struct {
			Data struct {
				Events []struct{ Data struct{ ResourceID string } }
			}
		}
		if err := json.Unmarshal(m.body, &body); err != nil || len(body.Data.Events) != 1 {
			t.Fatalf("%v: %s", err, m.body)
		}
		resource, id := body.Data.Events[0].Data.ResourceID, m.header.Get("Webhook-Id")
		known, again := ids[resource]
		switch {
		case !again:
			ids[resource] = id
			resources = append(resources, resource)
		case known != id:
			t.Errorf("%s came as %s and as %s", resource, known, id)
		case resources[len(resources)-1] != resource:
			t.Errorf("%s came again after %s", resource, resources[len(resources)-1])
		}
	}
	return resources
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("r-%02d", i)
	}
	return list
}

// TestKilledReplica: a replica is killed while it waits for the response to a message that the receiver has taken. Another one goes on:
// nothing is lost, nothing in the wrong order, and what comes twice has the same id.
//
// Mutations: the delivery recorded before it is sent; a new id for each attempt; order by something else than place; a job that
// completes at once, and runs for each delivery.
func TestKilledReplica(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.channel(r.URL)
	want := names(12)
	for _, name := range want[:6] {
		w.tell(name)
	}
	killed := make(chan struct{})
	r.responds(func(_ http.ResponseWriter, req *http.Request) {
		if len(r.messages()) >= 4 && strings.HasSuffix(req.UserAgent(), "/second") {
			<-killed
		}
	})
	second := exec.CommandContext(t.Context(), os.Args[0])
	second.Env = append(os.Environ(), replicaOf+"="+w.dsn, replicaOf+"_NAME=second")
	second.Stderr = t.Output()
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	r.wait(count(4))
	if err := second.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = second.Wait() // It was killed.
	close(killed)
	w.work()
	for _, name := range want[6:] {
		w.tell(name)
	}
	got := r.wait(func(got []received) bool { return len(order(t, got)) == len(want) })
	if resources := order(t, got); strings.Join(resources, " ") != strings.Join(want, " ") {
		t.Errorf("they came in the order %v", resources)
	}
	if len(got) != len(want)+1 {
		t.Errorf("%d requests for %d messages, of which one was under way", len(got), len(want))
	}
}

// TestOrder: a receiver that fails now and then gets everything in order, and a message that it fails holds up the others. One that
// it refuses for good is parked, people are told once, and those after it come; replayed, it comes last.
//
// Mutations: next_attempt_at not looked at; a parked one that blocks; channel.failed for each parked one; Replay without `place = default`,
// which sends the replay before what waits already.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	c := w.channel(r.URL)
	var mu sync.Mutex
	failures := map[string]int{}
	r.responds(func(rw http.ResponseWriter, _ *http.Request) {
		got := r.messages()
		resource := order(t, got)[len(order(t, got))-1]
		mu.Lock()
		defer mu.Unlock()
		failures[resource]++
		if resource == "r-03" || resource == "r-04" {
			rw.WriteHeader(http.StatusGone)
		} else if resource == "r-01" && failures[resource] == 1 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
	})
	want := names(7)
	for _, name := range want {
		w.tell(name)
	}
	stop := w.work()
	got := r.wait(count(8))
	if resources := order(t, got); strings.Join(resources, " ") != strings.Join(want, " ") || len(got) != 8 {
		t.Errorf("%d requests, in the order %v", len(got), resources)
	}
	w.until("select count(*) from delivery where state = 'delivered'", 5)
	w.until("select count(*) from delivery where state = 'parked' and last_status = 410", 2)
	w.until("select count(*) from event where type = 'channel.failed'", 1)
	w.until("select count(*) from audit where action = 'channel.failed' and actor_role = 'system'", 1)
	w.until("select count(*) from river_job where state = 'completed'", 1)

	stop()
	r.responds(nil)
	w.tell("r-07")
	parked := pgtest.Value[uuid.UUID](t, w.db, "select id from delivery where state = 'parked' order by place limit 1")
	if _, err := w.notify.Replay(t.Context(), w.admin, c.ID, parked); err != nil {
		t.Fatal(err)
	}
	w.work()
	got = r.wait(count(10))
	if next := order(t, got[8:9]); next[0] != "r-07" {
		t.Errorf("after the replay came %s, want r-07, which waited before it", next)
	}
	if again := got[9]; again.header.Get("Webhook-Id") != parked.String() {
		t.Errorf("the replay has the id %s, want %s", again.header.Get("Webhook-Id"), parked)
	}
	w.until("select count(*) from delivery where state = 'delivered'", 7)
}

// until waits until a query gives a number.
func (w *world) until(sql string, want int) {
	w.t.Helper()
	var got int
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if got = pgtest.Value[int](w.t, w.db, sql); got == want {
			return
		}
	}
	w.t.Fatalf("%s: %d, want %d", sql, got, want)
}

// TestPatience: what is not delivered within 24 h is tried once more and parked, and a channel that works again says so. Mutations: the
// deadline not looked at; failing_since and failed_at kept after a success.
func TestPatience(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	c := w.channel(r.URL)
	r.responds(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	w.tell("r-00")
	w.exec("update delivery set expires_at = now() - interval '1 minute'")
	w.work()
	w.until("select count(*) from delivery where state = 'parked' and attempts = 1 and last_error = 'status 503'", 1)
	if got, err := w.notify.Channel(t.Context(), w.admin, c.ID); err != nil || got.FailingSince == nil || got.FailedAt == nil || got.Parked != 1 || *got.LastError != "status 503" {
		t.Errorf("%+v, %v", got, err)
	}
	r.responds(nil)
	w.tell("r-01")
	w.until("select count(*) from delivery where state = 'delivered'", 1)
	if got, err := w.notify.Channel(t.Context(), w.admin, c.ID); err != nil || got.FailingSince != nil || got.FailedAt != nil || got.LastError != nil || got.LastSuccessAt == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestNothingMissed: a job that is about to end while a delivery is being made does not end, or the delivery makes another one; and an
// upload passes while the channel that it is for is changed or deleted. Mutations: end without the lock of the stream; makeDeliveries
// without `for key share`.
func TestNothingMissed(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.channel(r.URL)
	w.work()
	want := names(60)
	for i, name := range want {
		w.tell(name)
		if i%3 == 0 { // Often the job has just found nothing.
			r.wait(count(i + 1))
		}
	}
	if got := order(t, r.wait(count(len(want)))); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("they came in the order %v", got)
	}
	for i := range 20 {
		c := w.channel(r.URL)
		var both sync.WaitGroup
		both.Go(func() {
			if err := w.notify.Delete(t.Context(), w.admin, c.ID); err != nil {
				t.Error(err)
			}
		})
		w.tell(fmt.Sprint("meanwhile-", i))
		both.Wait()
	}
	w.until("select count(*) from delivery where state = 'waiting'", 0)
}

// TestLostJob: a channel whose job was removed gets another one. Mutation: Look without Wake.
func TestLostJob(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.channel(r.URL)
	w.tell("r-00")
	w.exec("delete from river_job")
	if err := w.notify.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.work()
	r.wait(count(1))
}

// TestJobEndsUnderTheLock: a delivery is being committed, and counts on the job, which finds nothing to send and would end. It waits for the
// commit, and sends the delivery. Mutations: end without the lock of the stream, or with the look in the statement of the lock.
func TestJobEndsUnderTheLock(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.channel(r.URL)
	goOn := make(chan struct{})
	r.responds(func(http.ResponseWriter, *http.Request) { <-goOn })
	w.tell("r-00")
	w.work()
	r.wait(count(1)) // The job runs.

	// A commit with an event waits as long as this transaction lasts.
	w.exec(`create function wait_here() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(42); return null; end $$`)
	w.exec("create constraint trigger wait_here after insert on event deferrable initially deferred for each row execute function wait_here()")
	held, err := w.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := held.Exec(t.Context(), "select pg_advisory_xact_lock(42)"); err != nil {
		t.Fatal(err)
	}
	var telling sync.WaitGroup
	telling.Go(func() { w.tell("r-01") })
	w.until("select count(*) from pg_locks where locktype = 'advisory' and objid = 42 and not granted", 1)

	close(goOn)
	const ends = "exists(select from pg_stat_activity where wait_event_type = 'Lock' and query like '-- SELECT account_stream for share%')"
	w.until("select (exists(select from river_job where state = 'completed') or "+ends+")::int", 1)
	if pgtest.Value[bool](t, w.db, "select exists(select from river_job where state = 'completed')") {
		t.Error("the job has ended, and the delivery that counts on it waits")
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	telling.Wait()
	if !t.Failed() {
		r.wait(count(2))
	}
}

// TestHangingReceiver: a receiver that never responds does not hold up the shutdown, and the message goes out later with the same id.
// Three things bound it, of which each suffices. Mutations: the courier, the soft stop and the job without their bounds.
func TestHangingReceiver(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.channel(r.URL)
	hangs := make(chan struct{})
	defer close(hangs)
	r.responds(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-hangs:
		case <-req.Context().Done():
		}
	})
	w.tell("r-00")
	stop := w.work()
	r.wait(count(1))
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the queue waits for a receiver that hangs")
	}
	w.until("select count(*) from delivery where state = 'waiting' and finished_at is null", 1)
	r.responds(nil)
	w.work()
	if resources := order(t, r.wait(count(2))); len(resources) != 1 {
		t.Errorf("%v came", resources)
	}
	w.until("select count(*) from delivery where state = 'delivered'", 1)
}

// reports fails a test for each error of timed work.
type reports struct{ t *testing.T }

func (r reports) Report(_ context.Context, err error, _ ...slog.Attr) { r.t.Error(err) }

// TestTimed: a channel hears that an approval has ended, and that checks of workspaces stopped coming, of its owners and workspaces alone.
// Mutations: one of the two not among Events or DefaultEvents; the severity of a stale workspace left out of NoticeOf; its owner or its
// name not looked at; a message about two workspaces that names the last one.
func TestTimed(t *testing.T) {
	w := newWorld(t)
	all, mine := newReceiver(t), newReceiver(t)
	w.channel(all.URL)
	if _, _, err := w.notify.Create(t.Context(), w.admin, notify.NewChannel{
		Name: "mine", Kind: notify.Webhook, URL: mine.URL, Enabled: true, Filter: notify.Filter{Owners: []string{"network"}, Events: []string{"workspace.stale"}},
	}); err != nil {
		t.Fatal(err)
	}
	w.tell("r-00")
	until := time.Now().Add(time.Hour)
	id := pgtest.Value[uuid.UUID](t, w.db, "select id from drift")
	if _, err := w.drifts.Decide(t.Context(), w.admin, id, 0, drift.Decision{Action: drift.Approve, Reason: "agreed with the network team", Until: &until}); err != nil {
		t.Fatal(err)
	}
	for name, owner := range map[string]string{"net/prod": "Network", "db/prod": "data"} {
		w.exec(`insert into workspace (id, account_id, name, owner, last_check_at, last_check_status)
			values (gen_random_uuid(), $1, $2, $3, now() - interval '40 hours', 'ok')`, w.admin.AccountID, name, owner)
	}
	timer := drift.NewTimer(w.drifts, 36*time.Hour, reports{t})
	timer.Tick(t.Context(), until)
	w.work()

	type message struct {
		Type string
		Data struct {
			Summary   string
			Workspace *string
			Events    []struct{ Type string }
		}
	}
	read := func(from received) (m message) {
		t.Helper()
		if err := json.Unmarshal(from.body, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	found := map[string]message{}
	for _, got := range all.wait(count(3)) {
		m := read(got)
		found[m.Type] = m
	}
	if m := found["drift.expired"]; m.Data.Summary != "drifts: 1 open again (approval ended)" || m.Data.Workspace == nil {
		t.Errorf("%+v", m)
	}
	if m := found["workspace.stale"]; m.Data.Summary != "no check of 2 workspaces came for too long" || m.Data.Workspace != nil || len(m.Data.Events) != 2 {
		t.Errorf("%+v", m)
	}
	if m := read(mine.wait(count(1))[0]); m.Data.Summary != "no check came for too long" || *m.Data.Workspace != "net/prod" {
		t.Errorf("%+v", m)
	}
}
