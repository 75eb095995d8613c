package schema_test

import (
	"database/sql"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/driftsentry/driftsentry/pkg/schema"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestMigrate_decisions_touch_no_index brings a database with drifts from version 3 to 4 and decides about one. It was
// seen to fail with an index that is partial by status, without the two updates, and without the fill factor.
func TestMigrate_decisions_touch_no_index(t *testing.T) {
	db, err := sql.Open("pgx", pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema.FS())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := provider.UpTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	exec(`insert into account (id, name) values ('019a0000-0000-7000-8000-000000000001', 'acme')`)
	const insert = `insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state,
			difference, difference_mac, severity, detected_by, status, resolved_at)
		select gen_random_uuid(), '019a0000-0000-7000-8000-000000000001', sha256(x::text::bytea), 'w', 'r' || x, 't', 'drift', '{}', '{}', '{}', '',
			'info', 'plan', `
	// As hands could have left them.
	exec(insert + `'resolved', null from generate_series(1, 10) x`)
	exec(insert + `'triaged', now() from generate_series(11, 20) x`)
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(insert + `'detected', null from generate_series(21, 200) x`)
	exec(`vacuum drift`)
	count := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(`select count(*) from drift where (status = 'resolved') <> (resolved_at is not null)`); n != 0 {
		t.Errorf("%d drifts have a time that is not as their status", n)
	}
	if _, err := db.ExecContext(t.Context(), insert+`'detected', null from generate_series(200, 200) x`); err == nil {
		t.Error("a resource has two open drifts")
	}
	// An update that leaves its page, or touches an index, is not heap-only; in one page there is room for one, at
	// least.
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `update drift set status = 'approved', approved_at = now() where resource_id = 'r30'`); err != nil {
		t.Fatal(err)
	}
	var hot int
	if err := tx.QueryRowContext(t.Context(), `select pg_stat_get_xact_tuples_hot_updated('drift'::regclass)`).Scan(&hot); err != nil {
		t.Fatal(err)
	}
	if hot != 1 {
		t.Error("the decision was no heap-only update")
	}
}
