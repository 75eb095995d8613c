package plan

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// meaning knows when two values mean the same, however they are written:
//
//   - null, "", [], {} and what is absent are equal, and so is an object of nothing else;
//   - numbers are equal by value;
//   - a string that is a JSON object or list is compared as that document;
//   - within the Statement of a policy document every list is a set, and a single value is a list of one.
//
// It gives each value a sum, so that comparing takes one look, and remembers it. Work is linear in the size of the values,
// and in their depth where documents stand in documents.
type meaning struct {
	seed  maphash.Seed
	seeds [4]uint64
	notes []note
	docs  tree
	work  int // values and bytes looked at
}

// note is what is known of a node; the node's id finds it.
type note struct {
	sum      uint64
	doc      *node // of a string that is a document
	from, to int32 // where the comparer wrote the node
	summed   bool
	parsed   bool
}

func newMeaning(maxDepth int) *meaning {
	m := &meaning{seed: maphash.MakeSeed(), docs: tree{maxDepth: maxDepth, reserved: maxValues / 2}}
	for i := range m.seeds {
		m.seeds[i] = maphash.Bytes(m.seed, []byte{byte(i)}) | 1
	}
	return m
}

// reset forgets all nodes, whose memory is used again.
func (m *meaning) reset() {
	m.notes = m.notes[:0]
	m.docs.forget()
}

func (m *meaning) note(n *node) *note {
	if n.id == 0 {
		m.notes = append(m.notes, note{})
		n.id = uint32(len(m.notes)) //nolint:gosec // a resource has at most maxValues, twice
	}
	return &m.notes[n.id-1]
}

// maxDocuments is how many documents may stand in each other: each level is read again.
const maxDocuments = 4

// document is the JSON object or list that a string is, or nil.
func (m *meaning) document(n *node) *node {
	if !n.is('"') || len(n.text) < 2 {
		return nil
	}
	text := bytes.TrimSpace(n.text)
	if len(text) < 2 || text[0] != '{' && text[0] != '[' || text[len(text)-1] != text[0]+2 {
		return nil
	}
	known := m.note(n)
	if !known.parsed {
		known.parsed = true
		m.work += 2 * len(text)
		if n.level < maxDocuments && jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
			doc := m.docs.more(text, n.level+1)
			m.note(n).doc = doc
		}
	}
	return m.note(n).doc
}

// The kinds of values in a sum. Nothing, in any way of saying so, has the sum 0.
const (
	sumScalar = iota
	sumObject
	sumList
	sumSet
)

// mix is not linear, so that no choice of values makes two orders of them equal.
func (m *meaning) mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^m.seeds[0], v^m.seeds[1])
	return bits.RotateLeft64(h, 23) ^ hi ^ lo
}

// sum is the same for values that mean the same. policy is whether n stands within a policy's Statement.
func (m *meaning) sum(n *node, policy bool) uint64 {
	if n == nil {
		return 0
	}
	if known := m.note(n); known.summed {
		return known.sum
	}
	m.work += 1 + len(n.name) + len(n.text)
	sum := m.sumOf(n, policy)
	known := m.note(n)
	known.sum, known.summed = sum, true
	return sum
}

func (m *meaning) sumOf(n *node, policy bool) uint64 {
	switch n.kind {
	case 'n':
		return 0
	case 't', 'f':
		return m.seeds[2] ^ uint64(n.kind)
	case '0':
		var b [64]byte
		return m.nonzero(maphash.Bytes(m.seed, appendNumber(b[:0], n.text)) + sumScalar)
	case '"':
		if len(n.text) == 0 {
			return 0
		}
		if doc := m.document(n); doc != nil {
			return m.nonzero(m.mix(m.seeds[3], m.sum(doc, false)))
		}
		return m.nonzero(maphash.Bytes(m.seed, n.text) ^ m.seeds[3])
	case '[':
		if len(n.kids) == 0 {
			return 0
		}
		return m.nonzero(m.sumList(n.kids, policy))
	default: // an object
	}
	h, empty := m.seeds[sumObject], true
	for i := range n.kids {
		k := &n.kids[i]
		within := policy || isStatement(k)
		v := m.sum(k, within)
		if v == 0 {
			continue
		}
		if within && k.kind != '[' {
			v = m.sumSet(v)
		}
		empty = false
		h = m.mix(m.mix(h, maphash.Bytes(m.seed, k.name)), v)
	}
	if empty {
		return 0
	}
	return m.nonzero(h)
}

func (m *meaning) sumList(kids []node, policy bool) uint64 {
	if policy {
		h := uint64(0)
		for i := range kids {
			h += m.sumSet(m.sum(&kids[i], true))
		}
		return h
	}
	h := m.seeds[sumList] ^ uint64(len(kids))
	for i := range kids {
		h = m.mix(h, m.sum(&kids[i], false))
	}
	return h
}

// sumSet is what one member adds to the sum of a set.
func (m *meaning) sumSet(v uint64) uint64 { return m.nonzero(m.mix(m.seeds[sumSet], v)) }

func (m *meaning) nonzero(h uint64) uint64 {
	if h == 0 {
		return m.seeds[2]
	}
	return h
}

// isStatement reports whether a member holds the statements of a policy document.
func isStatement(k *node) bool {
	return string(k.name) == "Statement" && (k.kind == '[' || k.kind == '{')
}

// appendMeaning writes n so that values that mean the same have the same bytes.
func (m *meaning) appendMeaning(b []byte, n *node, policy bool) []byte {
	if n.empty() {
		return append(b, "null"...)
	}
	switch n.kind {
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	case '0':
		return appendNumber(b, n.text)
	case '"':
		if doc := m.document(n); doc != nil {
			return m.appendMeaning(append(b, '@'), doc, false)
		}
		return appendQuote(roomFor(b, n.text), n.text)
	case '[':
		if policy {
			return m.appendSet(b, n.kids)
		}
		b = append(b, '[')
		for i := range n.kids {
			b = append(m.appendMeaning(b, &n.kids[i], false), ',')
		}
		return append(b, ']')
	default: // an object
	}
	b = append(b, '{')
	for i := range n.kids {
		k := &n.kids[i]
		if k.empty() {
			continue
		}
		b = append(appendQuote(b, k.name), ':')
		if within := policy || isStatement(k); within && k.kind != '[' {
			b = append(m.appendMeaning(append(b, '('), k, true), ",)"...)
		} else {
			b = m.appendMeaning(b, k, within)
		}
		b = append(b, ',')
	}
	return append(b, '}')
}

// appendSet writes the members of a set in the order of their texts.
func (m *meaning) appendSet(b []byte, kids []node) []byte {
	texts := make([][]byte, len(kids))
	for i := range kids {
		texts[i] = m.appendMeaning(nil, &kids[i], true)
	}
	slices.SortFunc(texts, bytes.Compare)
	b = append(b, '(')
	for _, text := range texts {
		b = append(append(b, text...), ',')
	}
	return append(b, ')')
}

// identical reports whether two values have the same bytes, without a look into documents.
func (m *meaning) identical(a, b *node) bool {
	m.work++

	if a == nil || b == nil || a.kind != b.kind || len(a.kids) != len(b.kids) || !bytes.Equal(a.text, b.text) || !bytes.Equal(a.name, b.name) {
		return false
	}
	m.work += len(a.text) + len(a.name)
	for i := range a.kids {
		if !m.identical(&a.kids[i], &b.kids[i]) {
			return false
		}
	}
	return true
}
