package pg_test

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// read is a row of every type.
type read struct {
	Text, Empty string
	NoText      *string
	SomeText    *string
	Bytes, None []byte
	JSON, JSONB []byte
	ID          uuid.UUID
	NoID        *uuid.UUID
	SomeID      *uuid.UUID
	Int         int
	BigInt      int64
	Float       float64
	Time        time.Time
	NoTime      *time.Time
	SomeTime    *time.Time
}

const everyType = `select 'Grüße'::text as text, ''::text as empty, null::text as no_text, 'a'::text as some_text,
	'\x00ff'::bytea as bytes, ''::bytea as none, '{"b": 1,  "a": null}'::json as json, '{"b": 1, "a": [2, "3"]}'::jsonb as jsonb,
	'0af76519-16cd-43dd-8448-eb211c80319c'::uuid as id, null::uuid as no_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as some_id,
	-7 as int, -9007199254740993 as big_int, -1234.5::float8 as float,
	'1815-12-10 12:34:56.789012+01'::timestamptz as time, null::timestamptz as no_time, '2038-01-19 03:14:08Z'::timestamptz as some_time
	from generate_series(1, @rows::int)`

func readEveryType(row *pg.Row) (r read) {
	r.Text, r.Empty, r.NoText, r.SomeText = row.Text("Grüße"), row.Text("another"), row.OptionalText(), row.OptionalText()
	r.Bytes, r.None, r.JSON, r.JSONB = row.Bytes(), row.Bytes(), row.JSON(), row.JSON()
	r.ID, r.NoID, r.SomeID = row.UUID(), row.OptionalUUID(), row.OptionalUUID()
	r.Int, r.BigInt, r.Float = row.Int(), row.BigInt(), row.Float()
	r.Time, r.NoTime, r.SomeTime = row.Time(), row.OptionalTime(), row.OptionalTime()
	return r
}

// query runs a statement of which a test needs the rows.
func query(t *testing.T, q pg.Querier, sql string, args ...any) pgx.Rows {
	t.Helper()
	rows, err := q.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// What is read is what pgx's own scan reads, and stays when the connection reads on.
func TestReadRows(t *testing.T) {
	db, _ := open(t)
	const n = 300 // More than one of the driver's buffers.
	want, err := pgx.CollectRows(query(t, db, everyType, pg.Args{"rows": n}), pgx.RowToStructByPos[read])
	if err != nil {
		t.Fatal(err)
	}
	var got []read
	err = pg.ReadRows(query(t, db, everyType, pg.Args{"rows": n}), func(row *pg.Row) { got = append(got, readEveryType(row)) })
	count(t, db, "select 1")
	if err != nil || len(got) != n || len(want) != n {
		t.Fatalf("%d rows and %d by pgx, %v", len(got), len(want), err)
	}
	for i := range got {
		want[i].Time = want[i].Time.UTC()
		*want[i].SomeTime = want[i].SomeTime.UTC()
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("row %d:\n%+v\nby pgx:\n%+v", i, got[i], want[i])
		}
	}
	// Rows share memory, and none may grow into the next one's.
	if got[0].Bytes = append(got[0].Bytes, "grown"...); !bytes.Equal(got[0].JSON, want[0].JSON) {
		t.Errorf("JSON became %s", got[0].JSON)
	}
}

// In a transaction the rows are part of an exchange with other statements.
func TestReadRows_in_a_transaction(t *testing.T) {
	db, _ := open(t)
	var got []read
	readAll := func(rows pgx.Rows) error {
		return pg.ReadRows(rows, func(row *pg.Row) { got = append(got, readEveryType(row)) })
	}
	err := db.InTx(t.Context(), "test", func(ctx context.Context, tx *pg.Tx) error {
		if err := tx.Later(ctx, everyType, pg.Args{"rows": 2}, readAll); err != nil {
			return err
		}
		return readAll(query(t, tx, everyType, pg.Args{"rows": 3}))
	})
	if err != nil || len(got) != 5 || !reflect.DeepEqual(got[0], got[4]) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadRows_refuses(t *testing.T) {
	db, _ := open(t)
	for _, test := range []struct {
		name, sql string
		read      func(*pg.Row)
		want      string
	}{
		{"null for a text", "select null::text as c", func(r *pg.Row) { r.Text("") }, `column "c" is null`},
		{"null for bytes", "select null::bytea as c", func(r *pg.Row) { r.Bytes() }, `column "c" is null`},
		{"null for JSON", "select null::jsonb as c", func(r *pg.Row) { r.JSON() }, `column "c" is null`},
		{"null for an id", "select null::uuid as c", func(r *pg.Row) { r.UUID() }, `column "c" is null`},
		{"null for an int", "select null::int as c", func(r *pg.Row) { r.Int() }, `column "c" is null`},
		{"null for a bigint", "select null::bigint as c", func(r *pg.Row) { r.BigInt() }, `column "c" is null`},
		{"null for a float", "select null::float8 as c", func(r *pg.Row) { r.Float() }, `column "c" is null`},
		{"null for a time", "select null::timestamptz as c", func(r *pg.Row) { r.Time() }, `column "c" is null`},
		{"bigint for an int", "select 1::bigint as c", func(r *pg.Row) { r.Int() }, `column "c" has type 20`},
		{"int for a bigint", "select 1 as c", func(r *pg.Row) { r.BigInt() }, `column "c" has type 23`},
		{"numeric for a float", "select 1.5 as c", func(r *pg.Row) { r.Float() }, `column "c" has type 1700`},
		{"timestamp without a zone", "select now()::timestamp as c", func(r *pg.Row) { r.OptionalTime() }, `column "c" has type 1114`},
		{"text for JSON", "select '{}'::text as c", func(r *pg.Row) { r.JSON() }, `column "c" has type 25`},
		{"JSON for a text", "select '{}'::json as c", func(r *pg.Row) { r.OptionalText() }, `column "c" has type 114`},
		{"text for an id", "select 'a'::text as c", func(r *pg.Row) { r.OptionalUUID() }, `column "c" has type 25`},
		{"infinity", "select 'infinity'::timestamptz as c", func(r *pg.Row) { r.Time() }, `column "c" is no time but infinity`},
		{"minus infinity", "select '-infinity'::timestamptz as c", func(r *pg.Row) { r.OptionalTime() }, `column "c" is no time but infinity`},
		{"a column too many", "select 1 as c, 2 as d", func(r *pg.Row) { r.Int() }, "1 of its 2 columns"},
		{"a column too few", "select 1 as c", func(r *pg.Row) { r.Int(); r.Int() }, "it has 1 columns"},
		{"the first error counts", "select null::int as c, null::int as d", func(r *pg.Row) { r.Int(); r.Int() }, `column "c" is null`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := pg.ReadRows(query(t, db, test.sql), test.read)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			count(t, db, "select 1") // The connection is of use.
		})
	}
	// As text, 1234 has as many bytes as an int4.
	inText := query(t, db, "select 1234 as c", pgx.QueryResultFormats{pgx.TextFormatCode})
	if err := pg.ReadRows(inText, func(r *pg.Row) { r.Int() }); err == nil || !strings.Contains(err.Error(), "in format 0") {
		t.Errorf("an int as text: %v", err)
	}
	// Postgres's own error is the rows'.
	n := 0
	err := pg.ReadRows(query(t, db, "select 1 / (2 - n) from generate_series(1, 3) n"), func(r *pg.Row) { r.Int(); n++ })
	if err == nil || !strings.Contains(err.Error(), "division by zero") || n != 1 {
		t.Errorf("%v after %d rows", err, n)
	}
}

// BenchmarkRow reads a page of twenty rows: by Row, by pgx's scan of positions, and by the names of a struct's fields.
func BenchmarkRow(b *testing.B) {
	conn, err := pgx.Connect(b.Context(), pgtest.DSN(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	sql := strings.ReplaceAll(everyType, "@rows::int", "20")
	for _, bench := range []struct {
		name string
		read func(pgx.Rows) error
	}{
		{"row", func(rows pgx.Rows) error { return pg.ReadRows(rows, func(row *pg.Row) { readEveryType(row) }) }},
		{"position", func(rows pgx.Rows) error {
			_, err := pgx.CollectRows(rows, pgx.RowToStructByPos[read])
			return err
		}},
		{"name", func(rows pgx.Rows) error {
			_, err := pgx.CollectRows(rows, pgx.RowToStructByName[read])
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, err := conn.Query(b.Context(), sql)
				if err == nil {
					err = bench.read(rows)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
