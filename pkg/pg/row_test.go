package pg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/pgtest"
)

// read is a row of every type.
type read struct {
	Text, Empty string
	NoText      *string
	SomeText    *string
	Bytes       []byte
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
	'\x00ff'::bytea as bytes, '{"b": 1,  "a": null}'::json as json, '{"b": 1, "a": [2, "3"]}'::jsonb as jsonb,
	'0af76519-16cd-43dd-8448-eb211c80319c'::uuid as id, null::uuid as no_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as some_id,
	-7 as int, -9007199254740993 as big_int, -1234.5::float8 as float,
	'1815-12-10 12:34:56.789012+01'::timestamptz as time, null::timestamptz as no_time, '2038-01-19 03:14:08Z'::timestamptz as some_time
	from generate_series(1, @rows::int)`

func readEveryType(row *pg.Row) (r read) {
	r.Text, r.Empty, r.NoText, r.SomeText = row.Text("Grüße"), row.Text("another"), row.OptionalText(), row.OptionalText()
	r.Bytes, r.JSON, r.JSONB = row.Bytes(), row.JSON(), row.JSON()
	r.ID, r.NoID, r.SomeID = row.UUID(), row.OptionalUUID(), row.OptionalUUID()
	r.Int, r.BigInt, r.Float = row.Int(), row.BigInt(), row.Float()
	r.Time, r.NoTime, r.SomeTime = row.Time(), row.OptionalTime(), row.OptionalTime()
	return r
}

// What is read is what pgx's own scan reads, and stays when the connection reads on.
func TestReadRows(t *testing.T) {
	db, _ := open(t)
	const n = 300 // More than one of the driver's buffers.
	rows, err := db.Query(t.Context(), everyType, pg.Args{"rows": n})
	require.NoError(t, err)
	want, err := pgx.CollectRows(rows, pgx.RowToStructByPos[read])
	require.NoError(t, err)
	require.Len(t, want, n)

	rows, err = db.Query(t.Context(), everyType, pg.Args{"rows": n})
	require.NoError(t, err)
	var got []read
	require.NoError(t, pg.ReadRows(rows, func(row *pg.Row) { got = append(got, readEveryType(row)) }))
	require.Equal(t, 1, count(t, db, "select 1"))
	require.Len(t, got, n)
	for i := range got {
		assert.Equal(t, time.UTC, got[i].Time.Location())
		want[i].Time = want[i].Time.UTC()
		*want[i].SomeTime = want[i].SomeTime.UTC()
		require.Equal(t, want[i], got[i])
	}
	// Rows share memory, and none may grow into the next one's.
	grown := append(got[0].Bytes, "grown"...)
	assert.NotEmpty(t, grown)
	assert.JSONEq(t, string(want[0].JSON), string(got[0].JSON))
}

// In a transaction the rows are part of an exchange with other statements.
func TestReadRows_in_a_transaction(t *testing.T) {
	db, _ := open(t)
	var got []read
	require.NoError(t, db.InTx(t.Context(), "test", func(ctx context.Context, tx *pg.Tx) error {
		require.NoError(t, tx.Later(ctx, everyType, pg.Args{"rows": 2}, func(rows pgx.Rows) error {
			return pg.ReadRows(rows, func(row *pg.Row) { got = append(got, readEveryType(row)) })
		}))
		rows, err := tx.Query(ctx, everyType, pg.Args{"rows": 3})
		if err != nil {
			return err
		}
		return pg.ReadRows(rows, func(row *pg.Row) { got = append(got, readEveryType(row)) })
	}))
	require.Len(t, got, 5)
	assert.Equal(t, got[0], got[4])
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
			rows, err := db.Query(t.Context(), test.sql)
			require.NoError(t, err)
			require.ErrorContains(t, pg.ReadRows(rows, test.read), test.want)
			assert.Equal(t, 1, count(t, db, "select 1"), "the connection is of use")
		})
	}
	// Postgres's own error is the rows'.
	rows, err := db.Query(t.Context(), "select 1 / (2 - n) from generate_series(1, 3) n")
	require.NoError(t, err)
	var n int
	require.ErrorContains(t, pg.ReadRows(rows, func(r *pg.Row) { r.Int(); n++ }), "division by zero")
	assert.Equal(t, 1, n)
}

// BenchmarkRow reads a page of twenty rows: by Row, by pgx's scan of positions, and by the names of a struct's fields.
func BenchmarkRow(b *testing.B) {
	conn, err := pgx.Connect(b.Context(), pgtest.DSN(b))
	require.NoError(b, err)
	defer conn.Close(b.Context())
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
				require.NoError(b, err)
				require.NoError(b, bench.read(rows))
			}
		})
	}
}
