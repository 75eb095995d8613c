package retention_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/services/api/internal/retention"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, tel pg.Telemetry) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Config{
		URL: config.Secret(pgtest.DSN(t)), MaxConns: 4, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute,
		StatementTimeout: time.Minute, LockTimeout: time.Minute, IdleInTransaction: time.Minute,
	}, "test", tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func number(t *testing.T, db *pg.DB, sql string, args ...any) int64 {
	t.Helper()
	return pgtest.Value[int64](t, db, sql, args...)
}

func TestWorker_Sweep(t *testing.T) {
	tel := telemetrytest.Start(t)
	db := open(t, tel)
	account, other, user := uuid.New(), uuid.New(), uuid.New()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []uuid.UUID{account, other} {
		exec("insert into account (id, name) values ($1, gen_random_uuid()::text)", id)
		exec("insert into account_stream (account_id, position) values ($1, 12000)", id)
	}
	// The first 11000 events are old in one account, none is in the other.
	exec(`insert into event (account_id, position, id, type, topics, body, created_at)
		select a, n, gen_random_uuid(), 'drift.created', '{drifts}', '{}', now() - case when a = $1 and n <= 11000 then interval '8 days' else interval '1 day' end
		from unnest(array[$1, $2]::uuid[]) a, generate_series(1, 12000) n`, account, other)
	// Of one where nothing happens any more the newest stays: it proves the head to those who come back.
	quiet := uuid.New()
	exec("insert into account (id, name) values ($1, 'quiet')", quiet)
	exec("insert into account_stream (account_id, position) values ($1, 3)", quiet)
	exec(`insert into event (account_id, position, id, type, topics, body, created_at)
		select $1, n, gen_random_uuid(), 'drift.created', '{drifts}', '{}', now() - interval '9 days' from generate_series(1, 3) n`, quiet)
	exec("insert into app_user (id, account_id, email, name, role) values ($1, $2, 'a@b.example', 'A', 'viewer')", user, account)
	for _, expires := range []string{"-2 hours", "2 hours"} {
		session := uuid.New()
		exec("insert into session (id, user_id, expires_at) values ($1, $2, now() + $3::interval)", session, user, expires)
		exec("insert into refresh_token (hash, session_id, expires_at) values (uuid_send($1::uuid), $1::uuid, now() + $2::interval)", session, expires)
		exec("insert into setup_token (hash, user_id, expires_at) values (uuid_send($1::uuid), $2, now() + $3::interval)", session, user, expires)
	}
	for key, age := range map[string]string{"old": "25 hours", "new": "23 hours"} {
		exec("insert into idempotency (account_id, principal, key, request_hash, created_at) values ($1, 'p', $2, '', now() - $3::interval)", account, key, age)
	}
	// Of a workspace's old checks the last one and the last good one are spared, and the last one keeps its response.
	exec("insert into workspace (id, account_id, name) values ($1, $2, 'w')", user, account)
	for _, c := range []struct{ format, status, purpose, age string }{
		{"gone", "ok", "record", "100 days"},
		{"good", "drifted", "record", "99 days"},
		{"gone", "ok", "preview", "98 days"},
		{"gone", "failed", "record", "97 days"},
		{"kept", "failed", "record", "89 days"},
		{"last", "failed", "record", "88 days"},
		{"new", "failed", "preview", "6 days"},
	} {
		exec(`insert into workspace_check (id, account_id, workspace_id, format_version, status, purpose, body_hash, answer, actor, created_at,
				plan_timestamp)
			values (gen_random_uuid(), $1, $2, $3, $4, $5, sha256($6::text::bytea), '{}', 'a', now() - $6::text::interval, now())`,
			account, user, c.format, c.status, c.purpose, c.age)
	}
	exec("update workspace set last_check_id = (select id from workspace_check where format_version = 'last')")

	worker, err := retention.New(postgres.NewRetentionStore(db), 7*24*time.Hour, 30*24*time.Hour, tel)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // The second finds nothing.
		worker.Sweep(t.Context(), time.Now())
		for sql, want := range map[string]int64{
			"select count(*) from event where account_id = '" + account.String() + "'":            1000,
			"select min(position) from event where account_id = '" + account.String() + "'":       11001,
			"select trimmed_to from account_stream where account_id = '" + account.String() + "'": 11000,
			"select count(*) from event where account_id = '" + other.String() + "'":              12000,
			"select trimmed_to from account_stream where account_id = '" + other.String() + "'":   0,
			"select min(position) from event where account_id = '" + quiet.String() + "'":         3,
			"select trimmed_to from account_stream where account_id = '" + quiet.String() + "'":   2,
			"select count(*) from session":                       1,
			"select count(*) from refresh_token":                 1,
			"select count(*) from setup_token":                   1,
			"select count(*) from idempotency":                   1,
			"select count(*) from idempotency where key = 'new'": 1,
			"select count(*) from workspace_check":               4,
			"select count(*) from workspace_check where format_version in ('good', 'kept', 'last', 'new')":                                          4,
			"select count(*) from workspace_check where answer::text = '{}' and octet_length(body_hash) = 32":                                       2,
			"select count(*) from workspace_check where format_version in ('last', 'new') and answer::text = '{}'":                                  2,
			"select count(*) from workspace_check where format_version in ('good', 'kept') and answer::text = 'null' and body_hash = uuid_send(id)": 2,
		} {
			if got := number(t, db, sql); got != want {
				t.Errorf("%s: %d, want %d", sql, got, want)
			}
		}
	}
	removed := map[any]any{}
	for _, line := range tel.Logs() {
		if line["msg"] == "removed expired rows" {
			removed[line["kind"]] = line["rows"]
		}
	}
	// Those of checks that were removed first were not taken before: the kinds have no order.
	responses, _ := removed["response"].(float64)
	if responses < 2 || responses > 5 {
		t.Errorf("%v responses were removed", removed["response"])
	}
	if want := map[any]any{"event": 11002.0, "session": 2.0, "check": 3.0, "response": responses, "idempotency": 1.0}; !maps.Equal(removed, want) {
		t.Errorf("the log names %v", removed)
	}
}

// TestWorker_Sweep_shortens_sessions: after SESSION_MAX_AGE was lowered, an old session ends at the new age, and others stay as they are.
//
// Mutations: ShortenSessions left out of Sweep; without its condition; with the time of the last use in place of that of the start.
func TestWorker_Sweep_shortens_sessions(t *testing.T) {
	tel := telemetrytest.Start(t)
	db := open(t, tel)
	if _, err := db.Exec(t.Context(), `with a as (insert into account (id, name) values (gen_random_uuid(), 'a') returning id),
		u as (insert into app_user (id, account_id, email, name, role) select gen_random_uuid(), id, 'a@b.example', 'A', 'viewer' from a returning id)
		insert into session (id, user_id, created_at, last_used_at, expires_at, user_agent)
		select gen_random_uuid(), u.id, now() - began::interval, now() - interval '1 hour', now() + left_over::interval, agent
		from u, (values ('old', '3 days', '4 days'), ('too old', '20 days', '10 days'), ('short', '1 day', '1 day')) v (agent, began, left_over)`); err != nil {
		t.Fatal(err)
	}
	worker, err := retention.New(postgres.NewRetentionStore(db), time.Hour, 5*24*time.Hour, tel)
	if err != nil {
		t.Fatal(err)
	}
	worker.Sweep(t.Context(), time.Now())
	got := pgtest.Value[string](t, db, `select string_agg(user_agent || ' ' || round(extract(epoch from expires_at - now()) / 86400), ', ' order by user_agent) from session`)
	if got != "old 2, short 1" {
		t.Errorf("days left: %s", got)
	}
}

// broken is a store that always fails with this error.
type broken struct{ err error }

func (b broken) TrimEvents(context.Context, time.Time) (int, error)            { return 0, b.err }
func (b broken) RemoveResponses(context.Context, time.Time) (int, error)       { return 0, b.err }
func (b broken) RemoveChecks(context.Context, time.Time) (int, error)          { return 0, b.err }
func (b broken) RemoveIdempotencyKeys(context.Context, time.Time) (int, error) { return 0, b.err }
func (b broken) RemoveSignIns(context.Context, time.Time, time.Time) (int, error) {
	return 0, b.err
}
func (b broken) RemoveDeliveries(context.Context, time.Time) (int, error) { return 0, b.err }
func (b broken) ShortenSessions(context.Context, time.Duration) error     { return b.err }
func (b broken) RemoveExpired(context.Context, time.Time) (int, error)    { return 0, b.err }

// reports counts what is reported.
type reports struct {
	*telemetrytest.Recorder
	kinds []string
}

func (r *reports) Report(_ context.Context, _ error, attrs ...slog.Attr) {
	r.kinds = append(r.kinds, attrs[0].Value.String())
}

// TestWorker_Sweep_goes_on_after_a_failure: one kind's failure does not spare the others. A database that is away is no
// unexpected error: reported, it would be one in each replica with every sweep.
func TestWorker_Sweep_goes_on_after_a_failure(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		reported int
	}{
		"unexpected":           {errors.New("broken"), 7},
		"the database is away": {apierror.New(apierror.Unavailable, "the database is not available"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := &reports{Recorder: telemetrytest.Start(t)}
			worker, err := retention.New(broken{c.err}, time.Hour, time.Hour, r)
			if err != nil {
				t.Fatal(err)
			}
			worker.Sweep(t.Context(), time.Now())
			if len(r.kinds) != c.reported {
				t.Errorf("reported %v, want %d kinds", r.kinds, c.reported)
			}
			warned := 0
			for _, entry := range r.Logs() {
				if entry["msg"] == "old rows were not removed" {
					warned++
				}
			}
			if warned != 7-c.reported {
				t.Errorf("%d warnings", warned)
			}
		})
	}
}
