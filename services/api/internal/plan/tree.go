package plan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// tree parses one value at a time. Its arena is used again by the next parse, which ends the life of the nodes before.
//
// It trusts its input but for duplicate names: a decoder that checks the rest has cut the value out of the plan before.
// Parsing without checking again is what lets pass 1 look into every resource.
type tree struct {
	maxDepth int
	raw      []byte
	pos      int
	arena    []node
	stack    []node // children whose parent is not complete
	texts    []byte // unescaped strings
	keys     []sortKey
	moved    []node // while they are sorted

	// tolerant lets values through that can be read but not stored; unstorable says what was wrong with the last one.
	// Their secrets have to be known, even if they are left out.
	level      uint8 // of the document that is being parsed
	tolerant   bool
	unstorable error
}

var (
	errDeep      = errors.New("is nested too deeply")
	errDuplicate = errors.New("has a duplicate name in an object")
	errNUL       = errors.New("has a NUL character in a string, which cannot be stored")
	errNumber    = errors.New("has a number that is too long or too large")
	errValues    = fmt.Errorf("has more than %d values", maxValues)
)

// parse makes nodes of raw, which must be one valid JSON value.
func (t *tree) parse(raw jsontext.Value) (*node, error) {
	t.raw, t.pos = raw, 0
	t.arena, t.stack, t.texts = t.arena[:0], t.stack[:0], t.texts[:0]
	t.unstorable = nil
	root, err := t.value(0)
	if err != nil {
		return nil, err
	}
	return &root, nil
}

// more parses a document that stands in a string, and keeps the nodes before. It returns nil for what is no good value.
func (t *tree) more(raw []byte, level uint8) *node {
	t.raw, t.pos, t.level = raw, 0, level
	stack, arena := len(t.stack), len(t.arena)
	root, err := t.value(0)
	if err != nil {
		t.stack, t.arena = t.stack[:stack], t.arena[:arena]
		return nil
	}
	return &root
}

// next moves to the next byte that is not between tokens, and returns it. Commas and colons are between tokens here.
func (t *tree) next() byte {
	for {
		switch c := t.raw[t.pos]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			t.pos++
		default:
			return c
		}
	}
}

func (t *tree) value(depth int) (n node, err error) {
	n.level = t.level
	switch c := t.next(); c {
	case '{', '[':
		n.kind = jsontext.Kind(c)
		err = t.container(&n, depth)
	case '"':
		n.kind = '"'
		n.text, err = t.string()
	case 't', 'n':
		n.kind = jsontext.Kind(c)
		t.pos += len("true")
	case 'f':
		n.kind = 'f'
		t.pos += len("false")
	default:
		n.kind = '0'
		start := t.pos
		for t.pos < len(t.raw) && numeric[t.raw[t.pos]] {
			t.pos++
		}
		n.text = t.raw[start:t.pos]
		err = t.refuse(checkNumber(n.text))
	}
	return n, err
}

// numeric are the bytes that a number consists of.
var numeric = [256]bool{'-': true, '+': true, '.': true, 'e': true, 'E': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true}

func (t *tree) container(n *node, depth int) error {
	if depth == t.maxDepth {
		return errDeep
	}
	t.pos++
	mark := len(t.stack)
	sorted := true
	for c := t.next(); c != '}' && c != ']'; c = t.next() {
		var name []byte
		var err error
		if n.kind == '{' {
			if name, err = t.string(); err != nil {
				return err
			}
		}
		kid, err := t.value(depth + 1)
		if err != nil {
			return err
		}
		kid.name = name
		if last := len(t.stack) - 1; n.kind == '{' && last >= mark && bytes.Compare(t.stack[last].name, name) >= 0 {
			sorted = false
		}
		if t.stack = append(t.stack, kid); len(t.stack)+len(t.arena) > maxValues {
			return errValues
		}
	}
	t.pos++
	// A grown arena leaves the slices cut from the old one valid.
	from := len(t.arena)
	t.arena = append(t.arena, t.stack[mark:]...)
	t.stack = t.stack[:mark]
	n.kids = t.arena[from:len(t.arena):len(t.arena)]
	if sorted { // as Terraform writes attributes
		return nil
	}
	t.sort(n.kids)
	for i := 1; i < len(n.kids); i++ {
		if bytes.Equal(n.kids[i-1].name, n.kids[i].name) {
			return errDuplicate
		}
	}
	return nil
}

// sortKey is the start of a member's name, and where the member is.
type sortKey struct {
	start uint64
	at    int
}

// sort orders members by name. It moves small keys around and each node once.
func (t *tree) sort(kids []node) {
	shared := len(kids[0].name)
	for i := range kids {
		for shared > 0 && (len(kids[i].name) < shared || !bytes.Equal(kids[i].name[:shared], kids[0].name[:shared])) {
			shared /= 2
		}
	}
	t.keys, t.moved = t.keys[:0], append(t.moved[:0], kids...)
	for i := range kids {
		var start [8]byte
		copy(start[:], kids[i].name[shared:])
		t.keys = append(t.keys, sortKey{binary.BigEndian.Uint64(start[:]), i})
	}
	slices.SortFunc(t.keys, func(a, b sortKey) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return bytes.Compare(kids[a.at].name, kids[b.at].name)
	})
	for i, k := range t.keys {
		kids[i] = t.moved[k.at]
	}
}

// string reads the string at the current quote and unescapes it.
func (t *tree) string() ([]byte, error) {
	start := t.pos + 1
	length := bytes.IndexByte(t.raw[start:], '"')
	if plain := t.raw[start : start+length : start+length]; bytes.IndexByte(plain, '\\') < 0 {
		t.pos = start + length + 1
		return plain, nil
	}
	end := start
	for ; t.raw[end] != '"'; end++ {
		if t.raw[end] == '\\' {
			end++
		}
	}
	t.pos = end + 1
	from := len(t.texts)
	var err error
	if t.texts, err = jsontext.AppendUnquote(t.texts, t.raw[start-1:t.pos]); err != nil {
		return nil, err
	}
	text := t.texts[from:len(t.texts):len(t.texts)]
	if bytes.IndexByte(text, 0) >= 0 {
		return text, t.refuse(errNUL)
	}
	return text, nil
}

// refuse is err, unless the tree is tolerant and notes it.
func (t *tree) refuse(err error) error {
	if t.tolerant && err != nil {
		t.unstorable, err = err, nil
	}
	return err
}

// checkNumber refuses what a numeric column cannot hold.
func checkNumber(lit []byte) error {
	if len(lit) > 1000 {
		return errNumber
	}
	if i := bytes.IndexAny(lit, "eE"); i >= 0 {
		if e, err := strconv.Atoi(string(lit[i+1:])); err != nil || e > 1000 || e < -1000 {
			return errNumber
		}
	}
	return nil
}
