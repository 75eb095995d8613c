package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// part is which part of a list is asked for. scope names the list with its filters and its order; a cursor of another one is
// refused. It comes after the parameters that scope is made of.
func (q *query) part(scope string) (list.Range, listScope) {
	s := listScope(sha256.Sum256([]byte(scope)))
	value, ok := q.value("cursor")
	if !ok {
		return list.Range{Page: q.page()}, s
	}
	r := list.Range{Page: list.Page{Number: 1, Size: q.integer("limit", defaultPageSize, maxPageSize)}}
	if _, ok := q.values["page"]; ok {
		q.known["page"] = true
		q.refuse("page", "must not be sent with cursor, which says where the page begins")
	}
	place, number, problem := s.open(value)
	if problem != "" {
		q.refuse("cursor", "%s", problem)
		return r, s
	}
	r.After, r.Number = &place, number
	return r, s
}

// scope names a list with the values of these parameters.
func (q *query) scope(name string, parameters ...string) string {
	for _, p := range parameters {
		name += " " + strconv.Quote(q.values.Get(p))
	}
	return name
}

// listScope tells the lists apart.
type listScope [sha256.Size]byte

// The form of a cursor. In 1: the scope's first bytes, the ID, the number of the page that it leads to, and the key.
const (
	cursorVersion = 1
	scopeBytes    = 8
	cursorHead    = 1 + scopeBytes + len(uuid.UUID{}) + 4
	maxCursor     = 2048
)

// cursor makes the cursor that leads to page number after the place.
func (s listScope) cursor(p list.Place, number int) string {
	b := append([]byte{cursorVersion}, s[:scopeBytes]...)
	b = append(b, p.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(number)) //nolint:gosec // A number of a page is small and positive.
	return base64.RawURLEncoding.EncodeToString(append(b, p.Key...))
}

// open gives the place of a cursor and the number of the page that it leads to, or says what is wrong with it.
func (s listScope) open(cursor string) (list.Place, int, string) {
	const strange = "must be the nextCursor of a page of this list"
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(cursor) > maxCursor || len(b) < cursorHead || b[0] != cursorVersion {
		return list.Place{}, 0, strange
	}
	if !bytes.Equal(b[1:1+scopeBytes], s[:scopeBytes]) {
		return list.Place{}, 0, "belongs to a list with other filters or another order; send the same ones, or begin without a cursor"
	}
	p := list.Place{ID: uuid.UUID(b[1+scopeBytes : cursorHead-4]), Key: string(b[cursorHead:])}
	number := binary.BigEndian.Uint32(b[cursorHead-4 : cursorHead])
	if number < 1 || number > 1<<30 {
		return list.Place{}, 0, strange
	}
	return p, int(number), ""
}

// room is for the items of a list: the largest response without the envelope, pagination and cursors.
const room = rest.MaxResponse - 16<<10

// writePart writes a part of a list, whose items appendItem appends. It ends before the response becomes too large; there is one
// item in any case.
func writePart[T any](
	w http.ResponseWriter, s listScope, r list.Range, part list.Part[T], appendItem func([]byte, T) ([]byte, error), place func(T) list.Place,
) error {
	return rest.TryEncoded(w, http.StatusOK, func(b []byte) ([]byte, error) {
		b = append(b, `{"items":[`...)
		n := 0
		for _, item := range part.Items {
			end := len(b)
			if n > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendItem(b, item); err != nil {
				return b, err
			}
			if n > 0 && len(b) > room {
				b = b[:end]
				break
			}
			n++
		}
		pagination := rest.NewPagination(part.Total, r.Number, r.Size)
		if pagination.HasMore = part.More || n < len(part.Items); pagination.HasMore && n > 0 {
			next := s.cursor(place(part.Items[n-1]), r.Number+1)
			pagination.NextCursor = &next
		}
		encoded, err := json.Marshal(pagination)
		if err != nil {
			return b, err
		}
		b = append(append(b, `],"pagination":`...), encoded...)
		if cursor, ok := part.Head.Cursor(); ok {
			b = appendText(b, `,"cursor":`, cursor.String())
		}
		return append(b, '}'), nil
	})
}

// appendBody appends an item in the shape that body gives it.
func appendBody[T, B any](body func(T) B) func([]byte, T) ([]byte, error) {
	return func(b []byte, item T) ([]byte, error) {
		encoded, err := json.Marshal(body(item))
		return append(b, encoded...), err
	}
}
