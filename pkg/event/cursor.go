package event

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Tag tells which event stands at a position: the last 32 bits of its id, which are random. A standby that is promoted, a
// restore and a snapshot give positions out a second time; a position proves itself by its tag. 0 is unknown: of position 0,
// and of a place that was remembered by a version without tags.
type Tag uint32

// TagOf gives the tag of the event with this id.
func TagOf(id uuid.UUID) Tag { return Tag(cmp.Or(binary.BigEndian.Uint32(id[12:]), 1)) }

// Fits reports whether both can be the tag of one event. An unknown tag fits each other.
func (t Tag) Fits(other Tag) bool { return t == other || t == 0 || other == 0 }

func (t Tag) String() string { return fmt.Sprintf("%08x", uint32(t)) }

// Mark is a place in an account's stream: a position, and the tag of the event that stands there.
type Mark struct {
	Position int64
	Tag      Tag
}

func (m Mark) String() string {
	position := strconv.FormatInt(m.Position, 10)
	if m.Tag == 0 {
		return position
	}
	return position + ":" + m.Tag.String()
}

// ErrMark is the error for what no mark of ours looks like.
var ErrMark = errors.New("not a position with a tag")

// ParseMark reads what String wrote.
func ParseMark(s string) (Mark, error) {
	position, tag, tagged := strings.Cut(s, ":")
	if len(position) > 19 {
		return Mark{}, ErrMark
	}
	n, err := strconv.ParseUint(position, 10, 63)
	m := Mark{Position: int64(n)}
	if tagged {
		var t uint64
		t, err = strconv.ParseUint(tag, 16, 32)
		m.Tag = Tag(t)
	}
	if err != nil || m.String() != s {
		return Mark{}, ErrMark
	}
	return m, nil
}

// Cursor is a place in an account's stream. Clients keep it as an opaque string: `epoch:position:tag`, or without the tag
// where there is none. The epoch names one life of the database: after a restore positions may be given a second time, so a
// cursor of another epoch leads nowhere.
type Cursor struct {
	Epoch string
	Mark
}

func (c Cursor) String() string { return c.Epoch + ":" + c.Mark.String() }

// MarshalText makes a cursor a JSON string.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ErrCursor is the error for text that is not a cursor.
var ErrCursor = errors.New("not a cursor")

const maxEpoch = 32

// ParseCursor reads a cursor that String wrote.
func ParseCursor(s string) (Cursor, error) {
	epoch, place, ok := strings.Cut(s, ":")
	if !ok || epoch == "" || len(epoch) > maxEpoch {
		return Cursor{}, ErrCursor
	}
	for i := range len(epoch) {
		if c := epoch[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return Cursor{}, ErrCursor
		}
	}
	mark, err := ParseMark(place)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	return Cursor{epoch, mark}, nil
}

// Window is the readable part of a stream: the positions after TrimmedTo, up to the head.
type Window struct {
	Epoch     string
	Head      int64
	HeadTag   Tag
	TrimmedTo int64
	// At is the tag of the event at the position that was asked for; 0 when it is not there.
	At Tag
}

// HeadMark is the place of the newest event.
func (w Window) HeadMark() Mark { return Mark{w.Head, w.HeadTag} }

// HeadCursor is the cursor of a client that has everything.
func (w Window) HeadCursor() Cursor { return Cursor{w.Epoch, w.HeadMark()} }

// Resumable reports whether reading can go on after c without a gap: c is of this epoch, not ahead of the head, not older
// than the stored events, and the event at its position is the one that c saw. The window must have been read for c.
func (w Window) Resumable(c Cursor) bool {
	return c.Epoch == w.Epoch && c.Position <= w.Head && c.Position >= w.TrimmedTo && (c.Tag == 0 || c.Tag == w.At)
}
