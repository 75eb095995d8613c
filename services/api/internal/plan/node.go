package plan

import (
	"bytes"
	"iter"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// node is one JSON value. Its bytes alias the input where nothing had to be unescaped. A nil *node is a value that is not
// there. The members of an object are sorted by name.
type node struct {
	kind  jsontext.Kind // n f t " 0 { [
	every bool          // of a merged mask, which covers something; the one element of a list covers every element
	level uint8         // in how many documents within strings it stands
	means nameKind      // what a member's name tells, once that was asked
	id    uint32        // of what the comparison knows of it, from 1 on; 0 before
	name  []byte        // of a member, unescaped
	text  []byte        // of a string, unescaped; of a number, its literal
	kids  []node
}

// field is get for a name that the format knows.
func (n *node) field(name string) *node {
	const few = 32 // more of them are not looked at one by one
	if n == nil || n.kind != '{' || len(n.kids) > few {
		return n.get(bytesOf(name))
	}
	for i := range n.kids {
		if string(n.kids[i].name) == name {
			return &n.kids[i]
		}
	}
	return nil
}

// get is the member of an object with this name, or nil.
func (n *node) get(name []byte) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	i, ok := slices.BinarySearchFunc(n.kids, name, func(m node, name []byte) int { return bytes.Compare(m.name, name) })
	if !ok {
		return nil
	}
	return &n.kids[i]
}

// next is get for a mask's names that are asked for in order: it looks first where the one before was, which id remembers.
func (n *node) next(name []byte) *node {
	if n.kind != '{' {
		return nil
	}
	for i := int(n.id); i < min(int(n.id)+2, len(n.kids)); i++ {
		if bytes.Equal(n.kids[i].name, name) {
			n.id = uint32(i) //nolint:gosec // a resource has at most maxValues
			return &n.kids[i]
		}
	}
	i, ok := slices.BinarySearchFunc(n.kids, name, func(m node, name []byte) int { return bytes.Compare(m.name, name) })
	n.id = uint32(i) //nolint:gosec // a resource has at most maxValues
	if !ok {
		return nil
	}
	return &n.kids[i]
}

// at is the i-th element of a list, or nil.
func (n *node) at(i int) *node {
	if n.is('[') && n.every {
		i = 0
	}
	if !n.is('[') || i >= len(n.kids) {
		return nil
	}
	return &n.kids[i]
}

func (n *node) is(kind jsontext.Kind) bool { return n != nil && n.kind == kind }

// empty reports whether n is one of the values that all mean nothing: absent, null, "", [], {}, and an object of such.
func (n *node) empty() bool {
	if n == nil {
		return true
	}
	switch n.kind {
	case 'n':
		return true
	case '"':
		return len(n.text) == 0
	case '[':
		return len(n.kids) == 0
	case '{':
		return !slices.ContainsFunc(n.kids, func(m node) bool { return !m.empty() })
	default:
		return false
	}
}

// same reports whether two values mean the same; where unknown says true, nothing is known and nothing differs.
func same(a, b, unknown *node) bool {
	if unknown.is('t') {
		return true
	}
	switch {
	case (a.is('{') || b.is('{')) && (a.is('{') || a.empty()) && (b.is('{') || b.empty()):
		for name, pair := range members(a, b) {
			if !same(pair[0], pair[1], unknown.get(name)) {
				return false
			}
		}
		return true
	case a.is('[') && b.is('['):
		if len(a.kids) != len(b.kids) {
			return false
		}
		for i := range a.kids {
			if !same(&a.kids[i], &b.kids[i], unknown.at(i)) {
				return false
			}
		}
		return true
	case a.empty() || b.empty():
		return a.empty() && b.empty()
	case a.kind != b.kind:
		return false
	case a.kind == '0':
		return sameNumber(a.text, b.text)
	}
	return bytes.Equal(a.text, b.text)
}

// sameNumber also finds 1 and 1.0 equal, as long as a float64 holds both exactly enough to say so.
func sameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	const exact = 15 // decimal digits that a float64 keeps
	if len(a) > exact || len(b) > exact {
		return false
	}
	x, errX := strconv.ParseFloat(string(a), 64)
	y, errY := strconv.ParseFloat(string(b), 64)
	return errX == nil && errY == nil && x == y
}

// members yields the names that two objects have between them, in order, each with its two values.
func members(a, b *node) iter.Seq2[[]byte, [2]*node] {
	return func(yield func([]byte, [2]*node) bool) {
		var x, y []node
		if a.is('{') {
			x = a.kids
		}
		if b.is('{') {
			y = b.kids
		}
		for len(x) > 0 || len(y) > 0 {
			order := len(y) - len(x) // when one is at its end, the other is next
			if len(x) > 0 && len(y) > 0 {
				order = bytes.Compare(x[0].name, y[0].name)
			}
			var name []byte
			var pair [2]*node
			if order <= 0 {
				name, pair[0], x = x[0].name, &x[0], x[1:]
			}
			if order >= 0 {
				name, pair[1], y = y[0].name, &y[0], y[1:]
			}
			if !yield(name, pair) {
				return
			}
		}
	}
}

// appendCanonical writes n so that equal values have equal bytes: sorted names, and nothing that is empty.
func (n *node) appendCanonical(b []byte) []byte {
	if n.empty() {
		return append(b, "null"...)
	}
	switch n.kind {
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	case '0':
		return append(b, n.text...)
	case '"':
		return appendQuote(b, n.text)
	case '[':
		b = append(b, '[')
		for i := range n.kids {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.kids[i].appendCanonical(b)
		}
		return append(b, ']')
	default: // an object
	}
	b = append(b, '{')
	first := true
	for i := range n.kids {
		m := &n.kids[i]
		if m.empty() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendQuote(b, m.name), ':')
		b = m.appendCanonical(b)
	}
	return append(b, '}')
}

// appendQuote writes text, which is valid UTF-8, as a JSON string.
func appendQuote[Text ~[]byte | ~string](b []byte, text Text) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}
