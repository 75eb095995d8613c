package plan

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/driftsentry/driftsentry/pkg/legible"
)

// Bounds of what a drift shows of its differences. Its identity counts all of them.
const (
	maxDifferences     = 1000
	maxDifferenceBytes = 256 << 10
	maxDifferenceValue = 16 << 10 // bytes of one side
	maxStep            = 128      // bytes of one name in a path
	maxPath            = 1024
)

// cutPath is the path under which a cut difference says how many others there are.
const cutPath = "(cut)"

// differ finds where two states differ. It is a walk of its own after the one that writes the states: it pairs the members
// of lists by what they are and not by where they stand, and it looks into what is masked, since the identity of a
// difference must not depend on how much of it is masked.
type differ struct {
	*meaning
	hash *hasher

	steps       []step
	differences []difference
	identity    identity
	sides       sides
	paths       pathList
	more        int // differences that are not shown

	kind         labelled // of the resource
	attributes   [][]byte // the top-level attributes that differ, each once
	onlyTags     bool     // so far
	onlyOrder    bool
	onlyDefaults bool // what differs was null, and is a plain value
	whole        bool // the resource is absent on one side
	hashNames    int  // how many names in the path are hashes
}

// step is one part of the path to where the walk is.
type step struct {
	name   []byte // as it is
	shown  []byte // as it is shown; nil when that is the name
	member bool   // of a list
	list   bool   // this step, or one before it, is of a list's member
	tags   bool   // this step, or one before it, is of tags
	hash   short  // of the path so far
	hashed bool
}

// difference is one path at which the states differ, with the places of its values in the comparer's two buffers.
type difference struct {
	path             string
	expected, actual span
	order            bool // only the order of the list differs
	at               short
	sum              identity // of what differs at the path and below
}

type span struct{ from, to int }

func (d *differ) reset() {
	d.meaning.reset()
	d.steps, d.differences, d.identity = d.steps[:0], d.differences[:0], identity{}
	d.sides.reset()
	d.paths.reset()
	d.attributes, d.more = d.attributes[:0], 0
	d.onlyTags, d.onlyOrder, d.onlyDefaults = true, true, true
}

// differAt compares one place. show is whether its path may be shown; policy is whether it stands in a policy's Statement.
func (c *comparer) differAt(e, a, unknown *node, policy, show bool) {
	c.work++
	if unknown.is('t') || e == a {
		return
	}
	if show && (c.masked(e, c.expected) || c.masked(a, c.actual)) {
		known := c.identity
		c.differAt(e, a, unknown, policy, false)
		if c.identity.count > known.count {
			c.show(e, a, false, known)
		}
		return
	}
	switch {
	case e.empty() && a.empty():
	case e.is('{') && (a.is('{') || a.empty()) || a.is('{') && e.empty():
		c.members(e, a, unknown, policy, show)
	case policy && (e.is('[') || a.is('[')), e.is('[') && (a.is('[') || a.empty()), a.is('[') && e.empty():
		c.lists(e, a, unknown, policy, show)
	case e.is('"') && a.is('"'):
		c.texts(e, a, show)
	case e != nil && a != nil && e.kind == a.kind && (e.kind != '0' || equalNumbers(e.text, a.text)):
	default:
		c.leaf(e, a, policy, show)
	}
}

func (c *comparer) members(e, a, unknown *node, policy, show bool) {
	if show && c.maskedNames {
		for _, m := range c.shown(e, a) {
			shown := m.shown
			if bytes.Equal(shown, m.name) {
				shown = nil
			}
			c.member(m.name, shown, m.e, m.a, unknown, policy, show)
		}
		return
	}
	for name, m := range members(e, a) {
		c.member(name, nil, m[0], m[1], unknown, policy, show)
	}
}

func (c *comparer) member(name, shown []byte, e, a, unknown *node, policy, show bool) {
	known := c.identity.count
	policy = policy || e != nil && isStatement(e) || a != nil && isStatement(a)
	c.push(name, shown, false)
	c.differAt(e, a, unknown.get(name), policy, show)
	c.pop()
	if len(c.steps) == 0 && c.identity.count > known {
		c.attributes = append(c.attributes, name)
	}
}

// texts compares strings, as documents when both are.
func (c *comparer) texts(e, a *node, show bool) {
	if bytes.Equal(e.text, a.text) {
		return
	}
	docE, docA := c.document(e), c.document(a)
	if docE == nil || docA == nil || docE.kind != docA.kind {
		c.leaf(e, a, false, show)
		return
	}
	if c.sum(docE, false) == c.sum(docA, false) {
		return
	}
	if show { // Written behind the states, where the differences find the values.
		c.value(docE, docA, nil, false)
	}
	c.differAt(docE, docA, nil, false, show)
}

// leaf notes a difference that is not gone into.
func (c *comparer) leaf(e, a *node, policy, show bool) {
	l := line{c.at(), c.hash.value(c.meaning, e, policy), c.hash.value(c.meaning, a, policy)}
	known := c.identity
	c.sides.leaf(c, l)
	c.line(l, e, a)
	if show {
		c.show(e, a, false, known)
	}
}

// line takes what a difference means for the drift as a whole.
func (c *comparer) line(l line, e, a *node) {
	c.identity.add(c.hash, l)
	c.onlyOrder = false
	var in step
	if len(c.steps) > 0 {
		in = c.steps[len(c.steps)-1]
	}
	c.onlyDefaults = c.onlyDefaults && !in.list && e.empty() && a != nil && a.kind != '{' && a.kind != '['
	c.onlyTags = c.onlyTags && in.tags
}

// reordered notes a list of which the members have only changed places. Another order is no other difference.
func (c *comparer) reordered(e, a *node, show bool) {
	at := c.at()
	c.sides.leaf(c, line{at, c.hash.value(c.meaning, e, false), c.hash.value(c.meaning, a, false)})
	known := c.identity
	c.identity.add(c.hash, line{path: at})
	if show {
		c.show(e, a, true, known)
	}
}

// show adds a difference to those that are shown. before is the identity without it.
func (c *comparer) show(e, a *node, order bool, before identity) {
	if len(c.differences) == maxDifferences {
		c.more++
		return
	}
	c.differences = append(c.differences, difference{c.shownPath(), c.spanOf(e), c.spanOf(a), order, c.at(), c.identity.minus(before)})
}

// masked reports whether a value was written as nothing but a mask.
func (c *comparer) masked(n *node, side []byte) bool {
	if n == nil || n.kind == 'n' {
		return false
	}
	s := c.spanOf(n)
	return string(side[s.from:s.to]) == `"`+Redacted+`"`
}

func (c *comparer) spanOf(n *node) span {
	if n == nil {
		return span{}
	}
	known := c.note(n)
	return span{int(known.from), int(known.to)}
}

// push goes down to a member. shown is nil when the name may be shown.
func (d *differ) push(name, shown []byte, member bool) {
	s := step{name: name, shown: shown, member: member, list: member, tags: !member && d.onlyTags && d.kind.isTag(name)}
	if n := len(d.steps); n > 0 {
		s.list = s.list || d.steps[n-1].list
		s.tags = s.tags || d.steps[n-1].tags
	}
	d.steps = append(d.steps, s)
}

func (d *differ) pop() { d.steps = d.steps[:len(d.steps)-1] }

// at is the hash of the path to here. Each step is hashed once, however much is below it.
func (d *differ) at() short {
	from := len(d.steps)
	for from > 0 && !d.steps[from-1].hashed {
		from--
	}
	var h short
	if from > 0 {
		h = d.steps[from-1].hash
	}
	for i := from; i < len(d.steps); i++ {
		s := &d.steps[i]
		kind := byte('.')
		if s.member {
			kind = '['
		}
		h = d.hash.step(h, kind, s.name)
		s.hash, s.hashed = h, true
	}
	return h
}

// shownPath is the path to here, with long names cut, and with what hides in a name escaped. The path's hash is of the names as they are.
func (d *differ) shownPath() string {
	var path []byte
	for i := range d.steps {
		s := &d.steps[i]
		name := s.name
		if s.shown != nil {
			name = s.shown
		}
		if len(name) > maxStep { // once, however much is below it
			h := d.hash.named(ofText, name)
			name = fmt.Appendf(nil, "%s…#%s", cutText(name, maxStep-16), hex.EncodeToString(h[:4]))
			s.shown = name
		}
		if s.member && len(name) == 0 { // the only one
			continue
		}
		if s.member {
			path = append(appendQuote(append(path, '['), name), ']')
		} else {
			path = appendStep(path, name)
		}
	}
	if len(path) > maxPath {
		h := d.at()
		path = fmt.Appendf(nil, "%s…#%s", cutText(path, maxPath-16), hex.EncodeToString(h[:4]))
	}
	d.work += len(path)
	return legible.EscapeLine(string(path))
}

// cutText is at most n bytes of text, without half a character.
func cutText(text []byte, n int) []byte { return bytes.ToValidUTF8(text[:min(n, len(text))], nil) }

// json is the difference as it is stored: an object by path, sorted. What does not fit is counted.
func (c *comparer) json() json.RawMessage {
	slices.SortStableFunc(c.differences, func(x, y difference) int { return cmp.Compare(x.path, y.path) })
	b := []byte{'{'}
	last, same := "", 1
	for i, d := range c.differences {
		if len(b) > maxDifferenceBytes {
			c.more += len(c.differences) - i
			break
		}
		path := d.path
		if path == last && i > 0 { // such as two members of a list that are alike
			same++
			path = fmt.Sprintf("%s (%d)", d.path, same)
		} else {
			last, same = path, 1
		}
		c.paths.add(d.path, d.at, d.sum)
		b = appendName(b, []byte(path), i > 0)
		b = append(b, `{"expected":`...)
		b = c.appendSide(b, c.expected[d.expected.from:d.expected.to])
		b = append(b, `,"actual":`...)
		b = c.appendSide(b, c.actual[d.actual.from:d.actual.to])
		if d.order {
			b = append(b, `,"order":true`...)
		}
		b = append(b, '}')
	}
	if c.more > 0 {
		c.paths.add(cutPath, none, c.identity.minus(c.paths.total))
		b = appendName(b, []byte(cutPath), len(b) > 1)
		b = fmt.Appendf(b, `{"expected":null,"actual":"%d more paths differ"}`, c.more)
	}
	return append(b, '}')
}

// appendSide writes one side of a difference. Of a long one it tells the size, and a hash, so that the two sides differ.
func (c *comparer) appendSide(b, value []byte) []byte {
	switch {
	case len(value) == 0:
		return append(b, "null"...)
	case len(value) > maxDifferenceValue:
		h := c.hash.named(ofText, value)
		return fmt.Appendf(b, `"[cut: %d bytes, #%s]"`, len(value), hex.EncodeToString(h[:4]))
	}
	return append(b, value...)
}
