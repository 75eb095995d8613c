//go:build faults

package faults

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/replica"
	"github.com/driftsentry/driftsentry/testkit/checkout"
)

var old = flag.String("old", "", "the commit from which TestRollingUpgrade comes; empty is this one")

// TestRollingUpgrade expands the schema under the running services, replaces them one after the other by the new
// version, and then by the old one again, while the schema stays: no request fails, no event is lost or out of order.
//
// The schema after the next migration is unknown. This one does to every table what an expand migration may do, so the
// services of today are the old version here, and must not mind. With -old COMMIT they come from there, on the schema
// of theirs, and `api migrate` of today comes first.
//
// Mutation: rename a column instead of adding one, and requests fail.
func TestRollingUpgrade(t *testing.T) {
	caddy := installed.Programs(t, "caddy")["caddy"]
	before := programs
	if *old != "" {
		before = checkedOut(t, *old)
	}
	s := startVersion(t, before, calm...)
	l := s.load(t, startEdge(t, caddy, s, true))
	l.during(func(ctx context.Context) {
		s.migrate(ctx, t, programs)
		s.expand(ctx, t)
		l.roll(ctx, programs)
		l.roll(ctx, before)
	})
}

// expand adds a column to every table, and a table, each in a transaction of its own, as a migration under load should.
func (s *system) expand(ctx context.Context, t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.cluster.DSN("driftsentry"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, "select table_name::text from information_schema.tables where table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	statements := []string{"create table tomorrow (id uuid primary key)"}
	for _, name := range tables {
		statements = append(statements, fmt.Sprintf("alter table %s add column tomorrow text not null default 'a value'", pgx.Identifier{name}.Sanitize()))
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	t.Logf("%d tables have a column more", len(tables))
}

// checkedOut builds the services of a commit.
func checkedOut(t *testing.T, commit string) replica.Programs {
	t.Helper()
	tree := t.TempDir()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkout.Extract(t.Context(), root, commit, tree); err != nil {
		t.Fatal(err)
	}
	built, err := replica.BuildFrom(t.Context(), tree, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return built
}
