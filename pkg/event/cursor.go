package event

import (
	"errors"
	"strconv"
	"strings"
)

// Cursor is a place in an account's stream. Clients keep it as an opaque string. The epoch names one life of the
// database: after a restore positions may be given a second time, so a cursor of another epoch is invalid.
type Cursor struct {
	Epoch    string
	Position int64
}

func (c Cursor) String() string { return c.Epoch + ":" + strconv.FormatInt(c.Position, 10) }

// MarshalText makes a cursor a JSON string.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ErrCursor is the error for text that is not a cursor.
var ErrCursor = errors.New("not a cursor")

const maxEpoch = 32

// ParseCursor reads a cursor that String wrote.
func ParseCursor(s string) (Cursor, error) {
	epoch, position, ok := strings.Cut(s, ":")
	if !ok || epoch == "" || len(epoch) > maxEpoch || len(position) > 19 {
		return Cursor{}, ErrCursor
	}
	for i := range len(epoch) {
		if c := epoch[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return Cursor{}, ErrCursor
		}
	}
	n, err := strconv.ParseUint(position, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != position {
		return Cursor{}, ErrCursor
	}
	return Cursor{epoch, int64(n)}, nil
}

// Window is the readable part of a stream: the positions after TrimmedTo, up to Head.
type Window struct {
	Epoch     string
	Head      int64
	TrimmedTo int64
}

// HeadCursor is the cursor of a client that has everything.
func (w Window) HeadCursor() Cursor { return Cursor{w.Epoch, w.Head} }

// Resumable reports whether reading can go on after c without a gap: c is of this epoch, not ahead of the head and not
// older than the stored events.
func (w Window) Resumable(c Cursor) bool {
	return c.Epoch == w.Epoch && c.Position <= w.Head && c.Position >= w.TrimmedTo
}
