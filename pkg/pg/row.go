package pg

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Row reads the columns of one row, one after the other in the order in which the statement names them. It is for the
// few hot statements: pgx's scan into a struct finds every field of every row by reflection, and was three tenths of
// the CPU of a list; BenchmarkRow compares the two. All other statements use pgx's scan.
//
// The first column with an unexpected type or size ends reading with an error that names it.
type Row struct {
	fields []pgconn.FieldDescription
	values [][]byte
	next   int
	err    error
	spare  []byte // room for the bytes of this row and those after it
}

// ReadRows calls read for every row, and closes rows. read must read each column, and keeps nothing of the Row.
func ReadRows(rows pgx.Rows, read func(*Row)) error {
	defer rows.Close()
	var row Row
	for rows.Next() {
		row.fields, row.values, row.next = rows.FieldDescriptions(), rows.RawValues(), 0
		read(&row)
		if row.err == nil && row.next != len(row.values) {
			row.err = fmt.Errorf("read a row: %d of its %d columns were read", row.next, len(row.values))
		}
		if row.err != nil {
			return row.err
		}
	}
	return rows.Err()
}

// value gives the next column, nil for NULL, if it has this type (or the other one) in the format that pgx asks for:
// its text for texts and JSON, else Postgres's binary format.
func (r *Row) value(oid, or uint32) (value []byte, ok bool) {
	if r.err != nil {
		return nil, false
	}
	if r.next == len(r.values) {
		r.err = fmt.Errorf("read a row: it has %d columns, and more were asked for", r.next)
		return nil, false
	}
	field := &r.fields[r.next]
	value = r.values[r.next]
	r.next++
	format := int16(pgtype.BinaryFormatCode)
	if oid == pgtype.TextOID || oid == pgtype.JSONOID {
		format = pgtype.TextFormatCode
	}
	if (field.DataTypeOID != oid && field.DataTypeOID != or) || field.Format != format {
		r.err = fmt.Errorf("read a row: column %q has type %d in format %d, not %d in %d", field.Name, field.DataTypeOID, field.Format, oid, format)
		return nil, false
	}
	return value, true
}

// required is a value that may not be NULL, and has size bytes unless that is 0.
func (r *Row) required(size int, oid, or uint32) []byte {
	value, ok := r.value(oid, or)
	if ok && value == nil {
		r.err = fmt.Errorf("read a row: column %q is null", r.fields[r.next-1].Name)
	}
	return r.sized(value, size)
}

// sized gives nil, with an error, for a value that is not NULL and doesn't have this size.
func (r *Row) sized(value []byte, size int) []byte {
	if value != nil && size > 0 && len(value) != size {
		r.err = fmt.Errorf("read a row: column %q has %d bytes, not %d", r.fields[r.next-1].Name, len(value), size)
		return nil
	}
	return value
}

// Text reads a text. known is a likely value, such as that of the previous row; if equal, it is returned without a
// copy.
func (r *Row) Text(known string) string {
	value := r.required(0, pgtype.TextOID, 0)
	if string(value) == known {
		return known
	}
	return string(value)
}

// OptionalText reads a text that may be NULL.
func (r *Row) OptionalText() *string {
	value, _ := r.value(pgtype.TextOID, 0)
	if value == nil {
		return nil
	}
	text := string(value)
	return &text
}

// Bytes reads a bytea.
func (r *Row) Bytes() []byte { return r.keep(r.required(0, pgtype.ByteaOID, 0)) }

// JSON reads a json or a jsonb, as its text.
func (r *Row) JSON() []byte {
	return r.keep(r.required(0, pgtype.JSONOID, pgtype.JSONBOID))
}

// TextBytes reads a text, such as JSON that the statement has made a text of.
func (r *Row) TextBytes() []byte { return r.keep(r.required(0, pgtype.TextOID, 0)) }

// Bool reads a boolean.
func (r *Row) Bool() bool {
	value := r.required(1, pgtype.BoolOID, 0)
	return len(value) > 0 && value[0] != 0
}

// The size of one allocation for bytes of several rows.
const (
	minSpare = 1 << 10
	maxSpare = 16 << 10
)

// keep copies bytes whose buffer the driver will reuse. Those of several rows share one allocation.
func (r *Row) keep(value []byte) []byte {
	switch {
	case value == nil:
		return nil
	case len(value) == 0:
		return []byte{} // It must not become NULL.
	}
	if cap(r.spare)-len(r.spare) < len(value) {
		r.spare = make([]byte, 0, max(min(2*cap(r.spare), maxSpare), minSpare, len(value)))
	}
	start := len(r.spare)
	r.spare = append(r.spare, value...)
	return r.spare[start:len(r.spare):len(r.spare)]
}

// UUID reads a uuid.
func (r *Row) UUID() (id uuid.UUID) {
	copy(id[:], r.required(len(id), pgtype.UUIDOID, 0))
	return id
}

// OptionalUUID reads a uuid that may be NULL.
func (r *Row) OptionalUUID() *uuid.UUID {
	value, _ := r.value(pgtype.UUIDOID, 0)
	if value = r.sized(value, len(uuid.UUID{})); value == nil {
		return nil
	}
	return (*uuid.UUID)(append([]byte(nil), value...))
}

// Int reads an int4.
func (r *Row) Int() int {
	value := r.required(4, pgtype.Int4OID, 0)
	if value == nil {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(value))) //nolint:gosec // The same bits, with their sign.
}

// BigInt reads an int8.
func (r *Row) BigInt() int64 {
	value := r.required(8, pgtype.Int8OID, 0)
	if value == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // The same bits, with their sign.
}

// Float reads a float8.
func (r *Row) Float() float64 {
	value := r.required(8, pgtype.Float8OID, 0)
	if value == nil {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(value))
}

// Time reads a timestamptz, in UTC.
func (r *Row) Time() time.Time { return r.time(r.required(8, pgtype.TimestamptzOID, 0)) }

// OptionalTime reads a timestamptz that may be NULL, in UTC.
func (r *Row) OptionalTime() *time.Time {
	value, _ := r.value(pgtype.TimestamptzOID, 0)
	if value = r.sized(value, 8); value == nil {
		return nil
	}
	t := r.time(value)
	return &t
}

// epoch is Postgres's epoch: its times are microseconds since then.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func (r *Row) time(value []byte) time.Time {
	if value == nil {
		return time.Time{}
	}
	micros := int64(binary.BigEndian.Uint64(value)) //nolint:gosec // The same bits, with their sign.
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		r.err = fmt.Errorf("read a row: column %q is no time but infinity", r.fields[r.next-1].Name)
		return time.Time{}
	}
	return time.UnixMicro(epoch + micros).UTC()
}
