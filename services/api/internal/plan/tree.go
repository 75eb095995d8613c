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

// tree parses one value at a time. Its memory is used again by the next parse, which ends the life of the nodes before.
//
// It trusts its input except for duplicate names: a decoder that checks the rest has cut the value out of the plan before.
// Parsing without checking again is what lets pass 1 look into every resource.
type tree struct {
	maxDepth  int
	raw       []byte
	pos       int
	nodes     []node // from both ends: those that have their place, and, the last one first, those whose parent is not complete
	done      int    // how many have their place
	open      int    // where the others start
	texts     []byte // unescaped strings
	count     int    // values
	tried     int    // values, also of documents that were none in the end
	reserved  int    // how many fewer than maxValues it may have
	keys      []sortKey
	spareKeys []sortKey

	level uint8 // of the document that is being parsed
	// tolerant lets values through that can be read but not stored; unstorable says what was wrong with the last one.
	// Their secrets have to be known, even if they are left out.
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
	t.forget()
	t.unstorable = nil
	t.makeRoom(raw)
	root, err := t.value(0)
	if err != nil {
		return nil, err
	}
	return &root, nil
}

func (t *tree) forget() {
	t.count, t.tried, t.done, t.open, t.texts = 0, 0, 0, len(t.nodes), t.texts[:0]
}

// makeRoom makes as much room for nodes as a large value may need, rather than twice that by and by.
func (t *tree) makeRoom(raw []byte) {
	const small = 1 << 14
	if len(raw) < small {
		return
	}
	most := 1
	for _, c := range [...]byte{',', '[', '{'} {
		most += bytes.Count(raw, []byte{c})
	}
	if most = min(most, maxValues+1); most > t.open-t.done {
		t.grow(most)
	}
}

// grow makes room for n more nodes. Those that have their place stay where they are.
func (t *tree) grow(n int) {
	waiting := t.nodes[t.open:]
	larger := make([]node, len(waiting)+n)
	t.done, t.open = 0, n
	copy(larger[n:], waiting)
	t.nodes = larger
}

// push adds a node whose parent is not complete.
func (t *tree) push(n node) {
	if t.open == t.done {
		t.grow(max(64, len(t.nodes)))
	}
	t.open--
	t.nodes[t.open] = n
}

// place gives the last n nodes their place, in the order in which they came.
func (t *tree) place(n int) []node {
	kids := t.nodes[t.open : t.open+n]
	if t.done+n <= t.open {
		place := t.nodes[t.done : t.done+n]
		for i := range kids {
			place[n-1-i] = kids[i]
		}
	} else {
		slices.Reverse(kids)
		if t.done < t.open {
			copy(t.nodes[t.done:], kids)
		}
	}
	t.done, t.open = t.done+n, t.open+n
	return t.nodes[t.done-n : t.done : t.done]
}

// more parses a document that stands in a string, and keeps the nodes before. It returns nil for what is no good value.
func (t *tree) more(raw []byte, level uint8) *node {
	t.raw, t.pos, t.level = raw, 0, level
	t.makeRoom(raw)
	count, waiting := t.count, len(t.nodes)-t.open
	root, err := t.value(0)
	if err != nil {
		t.count, t.open = count, len(t.nodes)-waiting
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
	kids, sorted := 0, true
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
		if n.kind == '{' && kids > 0 && bytes.Compare(t.nodes[t.open].name, name) >= 0 {
			sorted = false
		}
		t.push(kid)
		kids++
		t.count++
		t.tried++
		if t.count > maxValues-t.reserved {
			return errValues
		}
	}
	t.pos++
	n.kids = t.place(kids)
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

// textBlock is how much room there is for unescaped strings at first.
const textBlock = 16 << 10

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
	t.keys = t.keys[:0]
	for i := range kids {
		var start [8]byte
		copy(start[:], kids[i].name[shared:])
		t.keys = append(t.keys, sortKey{binary.BigEndian.Uint64(start[:]), i})
	}
	t.sortKeys(kids)
	// Each node goes to where it belongs, and the one that was there on to the next place of its round.
	for i := range t.keys {
		first, to := kids[i], i
		for from := t.keys[to].at; from != i; from = t.keys[to].at {
			kids[to] = kids[from]
			t.keys[to].at, to = to, from
		}
		kids[to], t.keys[to].at = first, to
	}
}

// sortKeys orders the keys by their starts, byte by byte from the last one that is not the same in each, and those with equal
// starts by the whole names.
func (t *tree) sortKeys(kids []node) {
	byName := func(a, b sortKey) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return bytes.Compare(kids[a.at].name, kids[b.at].name)
	}
	const few = 64 // from here on counting is faster than comparing
	if len(t.keys) < few {
		slices.SortFunc(t.keys, byName)
		return
	}
	varying := uint64(0)
	for i := range t.keys {
		varying |= t.keys[i].start ^ t.keys[0].start
	}
	t.spareKeys = slices.Grow(t.spareKeys[:0], len(t.keys))[:len(t.keys)]
	for shift := 0; shift < 64; shift += 8 {
		if varying>>shift&0xff == 0 {
			continue
		}
		var starts [257]int
		for i := range t.keys {
			starts[t.keys[i].start>>shift&0xff+1]++
		}
		for i := range 256 {
			starts[i+1] += starts[i]
		}
		for _, k := range t.keys {
			at := &starts[k.start>>shift&0xff]
			t.spareKeys[*at] = k
			*at++
		}
		t.keys, t.spareKeys = t.spareKeys, t.keys
	}
	for from := 0; from < len(t.keys); {
		to := from + 1
		for to < len(t.keys) && t.keys[to].start == t.keys[from].start {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(t.keys[from:to], byName)
		}
		from = to
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
	if length := t.pos - start; length > cap(t.texts)-len(t.texts) { // The texts before stay where they are.
		t.texts = make([]byte, 0, max(length, textBlock))
	}
	from := len(t.texts)
	if !t.unescape(t.raw[start:end]) {
		var err error
		if t.texts, err = jsontext.AppendUnquote(t.texts[:from], t.raw[start-1:t.pos]); err != nil {
			return nil, err
		}
	}
	text := t.texts[from:len(t.texts):len(t.texts)]
	if bytes.IndexByte(text, 0) >= 0 {
		return text, t.refuse(errNUL)
	}
	return text, nil
}

// escapes are what stands behind a backslash, except for u, and what it means.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape adds a good string to the texts, unless it has an escape by number. It takes a third of the time of a decoder that checks.
func (t *tree) unescape(raw []byte) bool {
	b := t.texts
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			i++
			if c = escapes[raw[i]]; c == 0 {
				return false
			}
		}
		b = append(b, c)
	}
	t.texts = b
	return true
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
	if i := exponentAt(lit); i >= 0 {
		if e, err := strconv.Atoi(string(lit[i+1:])); err != nil || e > 1000 || e < -1000 {
			return errNumber
		}
	}
	return nil
}
