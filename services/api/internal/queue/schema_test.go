package queue_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// described is what a database says of River's tables: columns in their order, because River reads rows by it, constraints, indexes,
// the type and the function.
const described = `
	select format('column %s.%s %s %s not null %s default %s', c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
			pg_get_expr(d.adbin, d.adrelid))
		from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
		where c.relkind = 'r' and c.relname like 'river\_%' and a.attnum > 0
	union select format('table %s %s', relname, relpersistence) from pg_class where relkind = 'r' and relname like 'river\_%'
	union select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
		where conrelid::regclass::text like 'river\_%' and contype <> 'n'
	union select indexdef from pg_indexes where tablename like 'river\_%'
	union select format('type %s %s', t.typname, string_agg(e.enumlabel, ' ' order by e.enumsortorder))
		from pg_type t join pg_enum e on e.enumtypid = t.oid group by t.typname
	union select format('function %s %s', proname, pg_get_function_arguments(oid)) from pg_proc where proname like 'river\_%'
	union select format('migration %s %s', line, version) from river_migration`

// TestRiverSchema: our migration makes what River's own migrations make. If this fails after an upgrade of River, add a migration.
// Mutations: a column of river_job at another place; an index, a constraint or a version left out.
func TestRiverSchema(t *testing.T) {
	read := func(dsn string) []string {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		rows, err := conn.Query(t.Context(), described)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(lines)
		return lines
	}
	theirs := pgtest.Empty(t)
	pool, err := pgxpool.New(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	want := read(theirs)
	if len(want) < 50 {
		t.Fatalf("only %d lines describe River's tables", len(want))
	}
	if diff := cmp.Diff(want, read(pgtest.DSN(t))); diff != "" {
		t.Errorf("River's migrations (-) and ours (+) differ:\n%s", diff)
	}
}
