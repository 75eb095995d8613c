package audit_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// world is a trail, with a worker that seals it.
type world struct {
	t       *testing.T
	db      *pg.DB
	store   *postgres.SealStore
	sealer  *audit.Sealer
	account uuid.UUID
	log     *strings.Builder
}

// logged keeps the lines of the log.
type logged struct{ log *slog.Logger }

func (l logged) Logger() *slog.Logger { return l.log }

func (l logged) Report(ctx context.Context, err error, _ ...slog.Attr) {
	l.log.ErrorContext(ctx, err.Error())
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Config{
		URL: config.Secret(pgtest.DSN(t)), MaxConns: 8, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute,
		StatementTimeout: time.Minute, LockTimeout: time.Minute, IdleInTransaction: time.Minute,
	}, "test", telemetrytest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := &world{t: t, db: db, store: postgres.NewSealStore(db), account: uuid.New(), log: &strings.Builder{}}
	w.sealer = audit.NewSealer(w.store, logged{slog.New(slog.NewJSONHandler(w.log, nil))})
	w.exec("insert into account (id, name) values ($1, 'acme')", w.account)
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// forge changes what only the owner of the server could.
func (w *world) forge(sql string, args ...any) {
	w.t.Helper()
	w.exec("alter table audit disable trigger all")
	w.exec("alter table audit_seal disable trigger all")
	w.exec(sql, args...)
}

// add adds rows, and seals them.
func (w *world) add(rows int) {
	w.t.Helper()
	w.exec(`insert into audit (id, account_id, action, message, metadata) select gen_random_uuid(), $1, 'drift.approved', 'reason ' || n, jsonb_build_object('n', n)
		from generate_series(1, $2::int) n`, w.account, rows)
	w.sealAll()
}

func (w *world) seal() {
	w.t.Helper()
	if err := w.sealer.Seal(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// sealAll seals until no row is left. The transactions of other tests on this server are waited for, too.
func (w *world) sealAll() {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.seal(); w.verify("").Unsealed > 0; w.seal() {
		select {
		case <-tick.C:
		case <-w.t.Context().Done():
			w.t.Fatal("rows are left")
		}
	}
}

func (w *world) verify(log string) *audit.Report {
	w.t.Helper()
	var known audit.Logged
	var err error
	if log != "" {
		if known, err = audit.ReadSeals(strings.NewReader(log)); err != nil {
			w.t.Fatal(err)
		}
	}
	var report *audit.Report
	if err := w.store.Read(w.t.Context(), func(r audit.Reader) (err error) {
		report, err = audit.Verify(w.t.Context(), r, known)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return report
}

func (w *world) number(sql string, args ...any) int64 {
	w.t.Helper()
	return pgtest.Value[int64](w.t, w.db, sql, args...)
}

// whole expects a trail without a break.
func (w *world) whole(log string, seals, rows int64) {
	w.t.Helper()
	if r := w.verify(log); r.Broken > 0 || r.Seals != seals || r.Rows != rows {
		w.t.Errorf("%d seals, %d rows: %q", r.Seals, r.Rows, r.Breaks)
	}
}

// reseal is what an attacker does who knows how seals are made: it makes the whole chain again.
func (w *world) reseal() {
	w.t.Helper()
	w.exec("truncate audit_seal")
	for {
		made, err := w.store.Seal(w.t.Context(), 1<<60)
		if err != nil {
			w.t.Fatal(err)
		}
		if made == nil {
			return
		}
	}
}

// TestAttackAuditTrail: an attacker who may write the whole database can't change the trail unseen. Mutations, each caught by the row of
// its name: Leaf without message or position; compute without Leaves or NewestAt; Verify without the comparison of numbers, with the
// log, with the time before, or with the positions that were given out; a masking that may lead back to any row, or is of a row without a mask;
// Left only asked after a removal.
func TestAttackAuditTrail(t *testing.T) {
	const row = "(select id from audit order by position offset 4 limit 1)"
	for name, c := range map[string]struct {
		attack func(w *world)
		breaks string // of the report without the log; empty is none
		logged string // of the report with it, where that differs
	}{
		"none": {func(*world) {}, "", ""},
		"a changed reason": {func(w *world) {
			w.forge("update audit set message = 'a better reason' where id = " + row)
		}, "was changed or added", ""},
		"a changed actor": {func(w *world) { w.forge("update audit set actor_email = 'eve@example.com' where id = " + row) }, "was changed or added", ""},
		"a changed time": {func(w *world) {
			w.forge("update audit set created_at = created_at - interval '1 microsecond' where id = " + row)
		}, "was changed or added", ""},
		"two rows in each other's place": {func(w *world) {
			w.forge("update audit set position = case position when 5 then 6 else 5 end where position in (5, 6)")
		}, "was changed or added", ""},
		"a removed row": {func(w *world) { w.forge("delete from audit where id = " + row) }, "of its 10 rows 1 are gone", ""},
		"the last row of a seal removed": {func(w *world) {
			w.forge("delete from audit where position = 10")
		}, "of its 10 rows 1 are gone", ""},
		"a row dated back, in a sealed range": {func(w *world) {
			w.forge("insert into audit (id, account_id, action, created_at, position) values (gen_random_uuid(), $1, 'drift.approved', now() - interval '1 day', 5)", w.account)
		}, "seal 1: the row", ""},
		"a row as from before there were seals": {func(w *world) {
			w.forge("insert into audit (id, account_id, action, created_at, position) values (gen_random_uuid(), $1, 'drift.approved', now() - interval '1 year', 0)", w.account)
		}, "seal 1: the row", ""},
		"a row before the first position": {func(w *world) {
			w.forge("insert into audit (id, account_id, action, created_at, position) values (gen_random_uuid(), $1, 'drift.approved', now() - interval '1 year', -5)", w.account)
		}, "before the first position", ""},
		"a row in the very first place": {func(w *world) {
			w.forge("insert into audit (id, account_id, action, position) values ('00000000-0000-0000-0000-000000000000', $1, 'drift.approved', 0)", w.account)
		}, "before the first position", ""},
		"a row dated back, at its end": {func(w *world) {
			w.exec("insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), $1, 'drift.approved', now() - interval '1 day')", w.account)
			w.sealAll()
		}, "but it was added after", ""},
		"a row at a position that nobody was given": {func(w *world) {
			w.forge("insert into audit (id, account_id, action, position) values (gen_random_uuid(), $1, 'drift.approved', 1000)", w.account)
		}, "positions that the database has not given out", ""},
		"a seal's hash":   {func(w *world) { w.forge("update audit_seal set hash = sha256('x') where number = 2") }, "seal 2: it was rewritten", ""},
		"a seal's count":  {func(w *world) { w.forge("update audit_seal set count = 9 where number = 2") }, "seal 2: it was rewritten", ""},
		"a seal's time":   {func(w *world) { w.forge("update audit_seal set sealed_at = now() where number = 2") }, "seal 2: it was rewritten", ""},
		"a seal's newest": {func(w *world) { w.forge("update audit_seal set newest_at = now() where number = 2") }, "seal 2: it was rewritten", ""},
		"a row with its hash in the seal": {func(w *world) {
			w.forge("update audit set message = 'a better reason' where id = " + row)
			w.exec("update audit_seal s set leaves = (select string_agg(audit_leaf(a), '' order by position) from audit a where position <= 10) where number = 1")
		}, "seal 1: it was rewritten", ""},
		"a removed seal":    {func(w *world) { w.forge("delete from audit_seal where number = 2") }, "seal 2, which stood before it, is gone", ""},
		"the first removed": {func(w *world) { w.forge("delete from audit_seal where number = 1") }, "seal 1, which stood before it, is gone", ""},
		"the last removed": {func(w *world) {
			w.forge("delete from audit_seal where number = 3")
		}, "", "seal 3: it was logged, and is gone"},
		"a changed row in a chain that was made again": {func(w *world) {
			w.forge("update audit set message = 'a better reason' where id = " + row)
			w.reseal()
		}, "", "is not the one that was logged"},
		"a row masked by the function": {func(w *world) {
			w.exec("select redact_audit(" + row + ", '', 'reason [redacted]', '{\"n\": 5}')")
			w.exec("select redact_audit(" + row + ", '', '[redacted]', '{\"n\": 5}')")
			w.sealAll()
		}, "", ""},
		"a masked row that was changed afterwards": {func(w *world) {
			w.exec("select redact_audit(" + row + ", '', 'reason [redacted]', '{\"n\": 5}')")
			w.forge("update audit set message = 'reason [redacted].' where id = " + row)
		}, "was changed or added", ""},
		"a record of a masking that was none": {func(w *world) {
			w.exec("create table before as select a.id, audit_leaf(a) as hash from audit a where id = " + row)
			w.forge("update audit set actor_email = 'eve@example.com' where id = (select id from before)")
			w.exec("insert into audit (id, account_id, action, subject, metadata) select gen_random_uuid(), a.account_id, 'audit.redacted', a.id::text, " +
				"jsonb_build_object('was', encode(before.hash, 'hex'), 'is', encode(audit_leaf(a), 'hex')) from audit a join before using (id)")
			w.exec("drop table before")
			w.sealAll()
		}, "was changed or added", ""},
		"a masking without its record": {func(w *world) {
			w.exec("select redact_audit(" + row + ", '', 'reason [redacted]', '{\"n\": 5}')")
			w.forge("delete from audit where action = 'audit.redacted'")
		}, "was changed or added", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for range 3 {
				w.add(10)
			}
			log := w.log.String()
			w.whole(log, 3, 30)
			c.attack(w)
			if c.logged == "" {
				c.logged = c.breaks
			}
			for with, want := range map[string]string{"": c.breaks, log: c.logged} {
				r := w.verify(with)
				if found := strings.Join(r.Breaks, "\n"); want == "" && found != "" || !strings.Contains(found, want) {
					t.Errorf("with %d bytes of log: %q, want %q", len(with), r.Breaks, want)
				}
				if strings.HasPrefix(name, "a row masked") && r.Masked != 1 {
					t.Errorf("%d rows were masked", r.Masked)
				}
			}
		})
	}
}

// sealed seals ten rows after a seal, as the service would have done that time ago.
func (w *world) sealed(last *audit.Seal, ago time.Duration) *audit.Seal {
	w.t.Helper()
	var rows []audit.Sealed
	if err := w.store.Read(w.t.Context(), func(r audit.Reader) (err error) {
		rows, err = r.Rows(w.t.Context(), audit.End{Position: last.Position, ID: last.ID}, audit.End{Position: 1 << 60}, 10)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	s := audit.Next(last, rows, time.Now().Add(-ago))
	w.exec(`insert into audit_seal (number, kind, to_position, to_id, count, newest_at, sealed_at, previous, leaves, hash)
		values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, ''::bytea), $9, $10)`, s.Number, s.Kind, s.Position, s.ID, s.Count, s.NewestAt, s.SealedAt, s.Previous, s.Leaves, s.Hash)
	fmt.Fprintf(w.log, "{\"seal\":%d,\"hash\":\"%x\"}\n", s.Number, s.Hash)
	return s
}

// TestAttackRemovedSeals: seals that are gone show without the log, while no service seals, and with it, when the service has sealed again.
// Mutations: Unsealed without overdue, ahead or given; ReadSeals that keeps the last hash of a number; Late not counted.
func TestAttackRemovedSeals(t *testing.T) {
	for name, c := range map[string]struct {
		attack func(w *world)
		breaks string // of the report without the log; empty is none
		logged string // of the report with it, where that differs
		late   int64
	}{
		"rows that wait for their seal": {func(w *world) {
			w.exec("insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), $1, 'a', now() - interval '59 minutes')", w.account)
		}, "", "", 0},
		"rows that wait for their seal too long": {func(w *world) {
			w.exec("insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), $1, 'a', now() - interval '61 minutes')", w.account)
		}, "1 rows have no seal", "", 0},
		"rows that wait for their seal, and say a time to come": {func(w *world) {
			w.exec("insert into audit (id, account_id, action, created_at) values (gen_random_uuid(), $1, 'a', now() + interval '61 minutes')", w.account)
		}, "1 rows without a seal say a time", "", 0},
		"all seals removed":                    {func(w *world) { w.forge("delete from audit_seal") }, "20 rows have no seal", "", 0},
		"all seals of the newest rows removed": {func(w *world) { w.forge("delete from audit_seal where number = 2") }, "10 rows have no seal", "", 0},
		"all seals removed, and made again by the service": {func(w *world) {
			w.forge("delete from audit_seal")
			w.sealAll()
		}, "", "seal 1: it was logged with 2 different hashes", 20},
		"all rows and seals removed": {func(w *world) {
			w.forge("delete from audit_seal")
			w.exec("delete from audit")
		}, "the whole trail is gone", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for range 2 {
				w.add(10)
			}
			// They are of two hours ago, with honest seals of that time.
			w.forge("update audit set created_at = created_at - interval '2 hours'")
			w.exec("truncate audit_seal")
			w.log.Reset()
			first := w.sealed(&audit.Seal{}, 2*time.Hour)
			w.sealed(first, 2*time.Hour)
			w.whole(w.log.String(), 2, 20)
			c.attack(w)
			if c.logged == "" {
				c.logged = c.breaks
			}
			for with, want := range map[string]string{"": c.breaks, w.log.String(): c.logged} {
				r := w.verify(with)
				if found := strings.Join(r.Breaks, "\n"); want == "" && found != "" || !strings.Contains(found, want) {
					t.Errorf("with %d bytes of log: %q, want %q", len(with), r.Breaks, want)
				}
				if r.Late != c.late {
					t.Errorf("%d rows were sealed late", r.Late)
				}
			}
		})
	}
}

// TestSealer_waits: a row that is committed late is in a seal, because its place is not sealed before. Mutations: Settled always
// true; a mark whose transaction is taken before its position; audit_position without pg_current_xact_id.
func TestSealer_waits(t *testing.T) {
	w := newWorld(t)
	w.add(1) // A sequence's first value alone gives the transaction its id.
	late, err := w.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Release()
	tx, err := late.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A position is all that it has so far, as between the default and the insert.
	var position int64
	if err := tx.QueryRow(t.Context(), "select audit_position()").Scan(&position); err != nil {
		t.Fatal(err)
	}
	w.exec("insert into audit (id, account_id, action) select gen_random_uuid(), $1, 'a' from generate_series(1, 5)", w.account)
	w.seal()
	if n := w.number("select count(*) from audit_seal"); n != 1 {
		t.Errorf("%d seals while a row may still be added before them", n)
	}
	if _, err := tx.Exec(t.Context(), "insert into audit (id, account_id, action, position) values (gen_random_uuid(), $1, 'late', $2)", w.account, position); err != nil {
		t.Fatal(err)
	}
	w.seal()
	if n := w.number("select count(*) from audit_seal"); n != 1 {
		t.Errorf("%d seals while a row is added before them", n)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sealAll()
	w.whole("", 2, 7)
}

// TestSealer_replicas: several at once make one chain. Mutation: without the lock, they make the same seal, and all but one fail.
func TestSealer_replicas(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 6 {
		sealer := audit.NewSealer(w.store, logged{slog.New(slog.DiscardHandler)})
		wg.Go(func() {
			for n := range 10 {
				_, err := w.db.Exec(t.Context(), "insert into audit (id, account_id, action, message) values ($1, $2, 'a', $3)", uuid.New(), w.account, fmt.Sprint(i, n))
				if err == nil {
					err = sealer.Seal(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.sealAll()
	if r := w.verify(""); r.Broken > 0 || r.Rows != 60 || r.Unsealed != 0 {
		t.Errorf("%+v", r)
	}
}

// TestSealer_earlier_rows: what was there before there were seals is sealed first.
func TestSealer_earlier_rows(t *testing.T) {
	w := newWorld(t)
	w.exec(`insert into audit (id, account_id, action, created_at, position) select gen_random_uuid(), $1, 'old', now() - n * interval '1 day', 0
		from generate_series(1, 2500) n`, w.account)
	w.add(1)
	w.whole(w.log.String(), 3, 2501)
}

// TestLeaf: Go and the database agree, on whatever a row may hold.
func TestLeaf(t *testing.T) {
	w := newWorld(t)
	w.exec(`insert into audit (id, account_id, action, actor_id, actor_email, actor_role, drift_id, subject, message, trace_id, metadata, created_at)
		values (gen_random_uuid(), $1, 'a.b', gen_random_uuid(), 'é@example.com', 'admin', gen_random_uuid(), 'ünï"''\x', E'two\nlines', 'f', '{"b": 1.50, "a": ["€", null]}',
			'1969-12-31 23:59:59.999999+00'),
		(gen_random_uuid(), $1, '', null, '', '', null, '', '', '', '{}', '2999-01-01 00:00:00.000001+00')`, w.account)
	if err := w.store.Read(t.Context(), func(r audit.Reader) error {
		rows, err := r.Rows(t.Context(), audit.End{}, audit.End{Position: 1 << 60}, 10)
		for i := range rows {
			leaf := rows[i].Leaf()
			if got := pgtest.Value[string](t, w.db, "select encode(audit_leaf(a), 'hex') from audit a where id = $1", rows[i].ID); got != hex.EncodeToString(leaf[:]) {
				t.Errorf("row %d: Postgres %s, Go %x", i, got, leaf)
			}
		}
		if len(rows) != 2 {
			t.Errorf("%d rows", len(rows))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestStore_Trim: retention removes whole seals' rows and says so in the chain; what then stands there again is a break. Mutations:
// Trim with > instead of >= of newest_at, or without its seal; Verify without the end of what was removed, or without Left; compute
// without Count.
func TestStore_Trim(t *testing.T) {
	w := newWorld(t)
	for age := 3; age > 0; age-- {
		w.exec(`insert into audit (id, account_id, action, created_at) select gen_random_uuid(), $1, 'old', now() - $2::int * interval '10 days' from generate_series(1, 10)`, w.account, age)
		w.sealAll()
	}
	trim := func(before time.Time) *audit.Seal {
		t.Helper()
		made, err := w.store.Trim(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	if made := trim(time.Now().Add(-40 * 24 * time.Hour)); made != nil {
		t.Errorf("nothing was so old: %+v", made)
	}
	newest := pgtest.Value[time.Time](t, w.db, "select newest_at from audit_seal where number = 3")
	if made := trim(newest); made == nil || made.Count != 20 || made.Kind != audit.KindRemoved {
		t.Fatalf("%+v", made)
	}
	if made := trim(newest); made != nil {
		t.Errorf("once more: %+v", made)
	}
	w.add(5)
	r := w.verify(w.log.String())
	if r.Broken > 0 || r.Seals != 5 || r.Rows != 15 || r.RemovedTo.IsZero() {
		t.Errorf("%+v", r)
	}
	w.forge("update audit_seal set count = 19 where kind = 'removed'")
	if r := w.verify(""); r.Broken != 1 || !strings.Contains(r.Breaks[0], "seal 4: it was rewritten") {
		t.Errorf("%q", r.Breaks)
	}
	w.exec("update audit_seal set count = 20 where kind = 'removed'")
	w.exec("insert into audit (id, account_id, action, position) values (gen_random_uuid(), $1, 'back', 5)", w.account)
	if r := w.verify(""); r.Broken != 1 || !strings.Contains(r.Breaks[0], "1 rows stand in the range") {
		t.Errorf("%q", r.Breaks)
	}
}
