package pg_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/driftsentry/driftsentry/pkg/pg"
)

func TestArgs(t *testing.T) {
	const sql = "-- x\nselect @b, '@no', @a, @b /* @neither */"
	for _, args := range []pg.Args{{"a": 1, "b": 2}, {"b": "two", "a": "one", "unused": 0}} {
		rewritten, values, err := args.RewriteQuery(t.Context(), nil, sql, nil)
		if err != nil || rewritten != "-- x\nselect $1, '@no', $2, $1 /* @neither */" || !slices.Equal(values, []any{args["b"], args["a"]}) {
			t.Errorf("%v: %q with %v, %v", args, rewritten, values, err)
		}
	}
	for _, missing := range []struct{ text, name string }{{sql, "a"}, {"select @never_seen", "x"}} {
		if _, _, err := (pg.Args{"b": 1}).RewriteQuery(t.Context(), nil, missing.text, nil); err == nil {
			t.Errorf("%q passed without @%s", missing.text, missing.name)
		}
	}
}

// Ids go to the database and back as they are, alone, in lists, and when there is none.
func TestDB_uuid(t *testing.T) {
	db, _ := open(t)
	id := uuid.New()
	rows, err := db.Query(t.Context(), "select @id::uuid as id, @ids::uuid[] as ids, @none::uuid as none, @some::uuid as some, "+
		"@list::uuid[] as list",
		pg.Args{"list": []*uuid.UUID{&id, nil}, "id": id, "ids": []uuid.UUID{id, uuid.Nil}, "none": (*uuid.UUID)(nil), "some": &id})
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[struct {
		ID         uuid.UUID
		IDs        []uuid.UUID
		None, Some *uuid.UUID
		List       []*uuid.UUID
	}])
	if err != nil || got.ID != id || !slices.Equal(got.IDs, []uuid.UUID{id, uuid.Nil}) || got.None != nil || *got.Some != id ||
		len(got.List) != 2 || *got.List[0] != id || got.List[1] != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestArgs_pointers: what pgx has no encoder for, and would try another format with first, doesn't reach it.
func TestArgs_pointers(t *testing.T) {
	id := uuid.New()
	_, values, err := pg.Args{"a": &id, "b": (*uuid.UUID)(nil), "c": []*uuid.UUID{nil, &id}}.RewriteQuery(t.Context(), nil, "select @a, @b, @c", nil)
	want := []any{id, nil, []pgtype.UUID{{}, {Bytes: id, Valid: true}}}
	if err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("%v, %v", values, err)
	}
}

func BenchmarkArgs(b *testing.B) {
	const sql = "-- SELECT drift\nselect id, version, status from drift where account_id = @account and id = @id"
	id := uuid.New()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := (pg.Args{"account": id, "id": id}).RewriteQuery(b.Context(), nil, sql, nil); err != nil {
			b.Fatal(err)
		}
	}
}
