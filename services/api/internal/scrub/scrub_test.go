package scrub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/idempotency"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/scrub"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const dataKey = "the-data-key-of-the-tests-0123456789-"

// world is a database with what an older version stored.
type world struct {
	*testing.T
	db      *pg.DB
	tel     *telemetrytest.Recorder
	keeper  *idempotency.Keeper
	account uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, tel: telemetrytest.Start(t), account: uuid.New()}
	var err error
	w.db, err = pg.Open(t.Context(), pg.Config{
		URL: config.Secret(pgtest.DSN(t)), MaxConns: 4, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute,
		StatementTimeout: time.Minute, LockTimeout: time.Minute, IdleInTransaction: time.Minute,
	}, "test", w.tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	if w.keeper, err = idempotency.NewKeeper(postgres.NewIdempotencyStore(w.db), dataKey, "", time.Minute); err != nil {
		t.Fatal(err)
	}
	w.exec("insert into account (id, name) values ($1, 'acme')", w.account)
	w.exec("insert into account_stream (account_id, position) values ($1, 1000)", w.account)
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.db.Exec(w.Context(), sql, args...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) worker(store scrub.Store) *scrub.Worker {
	return scrub.New(store, w.keeper, dataKey, w.tel)
}

// dump is every row of every table as text.
func (w *world) dump() string {
	w.Helper()
	var all strings.Builder
	for _, table := range []string{"drift", "alert", "event", "audit", "workspace", "workspace_check"} {
		rows, err := w.db.Query(w.Context(), "select row_to_json(x)::text from "+table+" x")
		if err != nil {
			w.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			w.Fatal(err)
		}
		fmt.Fprintln(&all, table, lines)
	}
	return all.String()
}

// old stores n of everything with secrets in it, as a version without these rules did.
func (w *world) old(n int) {
	workspace := uuid.New()
	w.exec("insert into workspace (id, account_id, name, record_ref) values ($1, $2, 'w', 'token=fakepw-6-x')", workspace, w.account)
	for i := range n {
		address := fmt.Sprintf(`aws_x.a["ghp_fakepw0123456789abcdef%04d"]`, i)
		doc := `{"password":"fakepw-in-a-document"}`
		w.exec(`insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference, difference_mac,
				severity, detected_by, approval_reason)
			values ($1, $2, $3, 'w', $4, 'aws_x', 'drift', jsonb_build_object('doc', $5::text, 'n', 1, 'motd', 'see fakepw-in-a-document'),
				jsonb_build_object('n', 2, 'env', '[{"name":"DB_PASSWORD","value":"fakepw"}]'::jsonb),
				jsonb_build_object('doc', jsonb_build_object('expected', $5::text, 'actual', null), 'env[0].value', '{"expected":null,"actual":"fakepw"}'::jsonb, 'n', '{"expected":1,"actual":2}'::jsonb),
				'', 'info', 'plan', 'the password: fakepw-1, sorry')`, uuid.Must(uuid.NewV7()), w.account, []byte(address), address, doc)
		w.exec("insert into alert (id, account_id, type, severity, title, message) values ($1, $2, 'drift_detected', 'info', $3, 'm')", uuid.Must(uuid.NewV7()), w.account, "drift of "+address)
		w.exec("insert into event (account_id, position, id, type, topics, body) values ($1, $2, $3, 't', '{}', $4)", w.account, i+1, uuid.New(),
			`{"specversion":"1.0","data":{"resourceId":"x","reason":"token=fakepw-2-x"}}`)
		w.exec("insert into audit (id, account_id, action, message, metadata) values ($1, $2, 'a', 'DB_PASSWORD=fakepw-3-x', '{\"reason\":\"password=fakepw-3-y\",\"apiKey\":\"0192b0de-0000-7000-8000-0000000000aa\"}')", uuid.Must(uuid.NewV7()), w.account)
		w.exec(`insert into workspace_check (id, account_id, workspace_id, status, body_hash, answer, actor, failure_reason, run_url, triggered_by, ref, commit_sha, reasons, left_out_entries)
			values ($1, $2, $3, 'ok', $4, $5, 'a', 'PASSWORD is fakepw-7-x', 'https://u:fakepw-7-y@h', 'token=fakepw-7-z', 'token=fakepw-7-r', 'password=fakepw-7-c',
				array['a plan of "secret" with "quotes"', 'this workspace records token=fakepw-7-s only'], '[{"path":"p","resource":"","reason":"password=fakepw-7-e"}]')`,
			uuid.Must(uuid.NewV7()), w.account, workspace, []byte(address), `{"note":"postgres://u:fakepw-4-x@h/db"}`)
		w.keep(fmt.Sprintf("k%d", i), `{"success":true,"data":{"resourceId":"x","expectedState":{"note":"password=fakepw-5-x"}}}`)
		w.keep(fmt.Sprintf("f%d", i), `{"success":true,"data":{"check":{"failureReason":"<password>fakepw-8-x</password>"}}}`)
		w.keep(fmt.Sprintf("w%d", i), `{"success":true,"data":{"name":"w","recordRef":"token=fakepw-9-x"}}`)
	}
}

// keep stores a response.
func (w *world) keep(key, body string) {
	w.Helper()
	attempt, _, err := w.keeper.Begin(w.Context(), idempotency.Key{Account: w.account, Principal: w.account, Key: key})
	if err == nil {
		err = attempt.Finish(w.Context(), []byte("hash"), idempotency.Response{Status: 201, Body: []byte(body)})
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) kept(key string) string {
	w.Helper()
	_, kept, err := w.keeper.Begin(w.Context(), idempotency.Key{Account: w.account, Principal: w.account, Key: key})
	if err != nil || kept == nil {
		w.Fatal(err)
	}
	return string(kept.Response.Body)
}

// TestWorker_Again: nothing of what is secret by the present rules stays, and the rest does. Mutations: each stage left out; the
// mask's result not written; a difference without what its states tell; the claim never given back.
func TestWorker_Again(t *testing.T) {
	w := newWorld(t)
	w.old(120)
	const shownOnce = `{"success":true,"data":{"id":"x","key":"ds_fakekey","setupToken":"ds_fakekey"}}`
	w.keep("shown once", shownOnce)
	if dump := w.dump(); strings.Count(dump, "fakepw") < 120*10 {
		t.Fatal("the secrets are not there")
	}
	for range 2 { // The second time it changes nothing.
		if err := w.worker(postgres.NewScrubStore(w.db)).Again(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	dump := w.dump()
	if strings.Contains(dump, "fakepw") {
		_, rest, _ := strings.Cut(dump, "fakepw")
		t.Errorf("a secret is left: %.300s", dump[len(dump)-len(rest)-100:])
	}
	for _, kept := range []string{`{\"password\":\"[redacted]\"}`, `"env[0].value":{"actual":"[redacted]","expected":null}`, `"n":{"actual":2,"expected":1}`, `the password: [redacted], sorry`, `postgres://u:[redacted]@h/db`, `a plan of \"secret\" with \"quotes\"`, `this workspace records token=[redacted] only`, `"apiKey":"0192b0de-0000-7000-8000-0000000000aa"`} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(dump, `": `, `":`), `, "`, `,"`), kept) {
			t.Errorf("%s is not there: %.3000s", kept, dump)
		}
	}
	if n := pgtest.Value[int64](t, w.db, "select count(distinct resource_id) from drift"); n != 120 {
		t.Errorf("of 120 addresses %d look different", n)
	}
	for _, key := range []string{"k7", "f7", "w7"} {
		if body := w.kept(key); strings.Contains(body, "fakepw") || !strings.Contains(body, "[redacted]") {
			t.Error(body)
		}
	}
	if body := w.kept("shown once"); body != shownOnce {
		t.Errorf("what is shown once is masked: %s", body)
	}
	lines := w.tel.Logs()
	if line := lines[len(lines)-1]; line["msg"] != "redacted the stored data again" || line["table"] != "idempotency" || line["rows"] == nil || line["changed"] == nil || line["finished"] != true {
		t.Errorf("%v", line)
	}
	if n := pgtest.Value[int64](t, w.db, "select changed from redaction where finished_at is not null"); n != 0 {
		t.Errorf("the second time %d rows changed", n)
	}
}

// broken fails after some steps.
type broken struct {
	scrub.Store
	left int
}

var errBroken = errors.New("the power went")

func (b *broken) Step(ctx context.Context, p *scrub.Progress, until time.Time, mask func(*scrub.Row) bool) error {
	b.left--
	if b.left < 0 {
		return errBroken
	}
	return b.Store.Step(ctx, p, until, mask)
}

// TestWorker_Again_goes_on: what was done is not done again, and another process has to wait until the claim of one that has gone
// ends. Mutations: the progress not stored, or not in the same transaction; no claim.
func TestWorker_Again_goes_on(t *testing.T) {
	w := newWorld(t)
	w.old(150)
	store := postgres.NewScrubStore(w.db)
	if err := w.worker(&broken{store, 3}).Again(t.Context()); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if n := pgtest.Value[int64](t, w.db, "select seen from redaction"); n != 250 {
		t.Errorf("%d rows were read", n)
	}
	if p, err := store.Claim(t.Context(), plan.RulesVersion, time.Now().Add(time.Minute), true); err != nil || p != nil {
		t.Errorf("another process got it: %+v, %v", p, err)
	}
	w.exec("update redaction set claimed_until = now() - interval '1 second'")
	if err := w.worker(store).Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Value[int64](t, w.db, "select seen from redaction where finished_at is not null"); n != 8*150+1 {
		t.Errorf("%d rows were read", n)
	}
	if strings.Contains(w.dump(), "fakepw") {
		t.Error("a secret is left")
	}
}

// TestAudit_stays_append_only: a row's texts change to masked ones only, and only through the function. Mutations: the function
// without its conditions; the trigger without its setting.
func TestAudit_stays_append_only(t *testing.T) {
	w := newWorld(t)
	id := uuid.New()
	w.exec("insert into audit (id, account_id, action, message) values ($1, $2, 'a', 'before')", id, w.account)
	if _, err := w.db.Exec(t.Context(), "update audit set message = 'x'"); err == nil {
		t.Error("a row was changed")
	}
	w.exec("select redact_audit($1, '', 'another story', '{}')", id)
	if got := pgtest.Value[string](t, w.db, "select message from audit where id = $1", id); got != "before" {
		t.Error(got)
	}
	w.exec("select redact_audit($1, '', 'be[redacted]', '{}')", id)
	if got := pgtest.Value[string](t, w.db, "select message from audit where id = $1", id); got != "be[redacted]" {
		t.Error(got)
	}
	if _, err := w.db.Exec(t.Context(), "delete from audit"); err == nil {
		t.Error("a row was removed")
	}
}
