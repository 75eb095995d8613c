package plan

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/driftsentry/driftsentry/pkg/redact"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// comparer walks the two states of a resource side by side and writes both redacted. Then it finds where they differ.
type comparer struct {
	names   *names
	secrets *index
	differ

	expected, actual []byte // redacted
	maskedNames      bool   // there is a name that is shown as another

	look    redact.Options // how to look into strings
	hideAll bool           // VALUES=hidden
	rules   *rule.Scope

	quoted   []byte  // scratch
	previous *hasher // with the previous key, if there is one
}

func newComparer(names *names, secrets *index, opt Options) *comparer {
	c := &comparer{names: names, secrets: secrets, differ: differ{meaning: newMeaning(opt.MaxDepth), hash: newHasher(opt.Key)}}
	c.look.Also = func(text string) bool { return secrets.masks([]byte(text)) }
	c.hideAll, c.rules = opt.HideValues, opt.Rules
	if len(opt.PreviousKey) > 0 {
		c.previous = newHasher(opt.PreviousKey)
	}
	return c
}

// compare is both walks. masks covers both states; unknown is shaped like the expected state.
func (c *comparer) compare(expected, actual, unknown *node, masks cover) (expectedEnd, actualEnd int) {
	c.expected, c.actual = c.expected[:0], c.actual[:0]
	c.maskedNames = false
	c.reset()
	if masks.hides(expected) || masks.hides(actual) {
		masks = everyMember(expected, actual)
	}
	c.value(expected, actual, masks, false)
	expectedEnd, actualEnd = len(c.expected), len(c.actual) // documents are written behind
	c.whole = expected == nil || actual == nil
	if expected == nil {
		c.sides.flags |= expectedAbsent
	}
	if actual == nil {
		c.sides.flags |= actualAbsent
	}
	c.differAt(expected, actual, unknown, false, true)
	return expectedEnd, actualEnd
}

// everyMember covers each attribute of a resource that is masked as a whole, since the name of an attribute is not secret.
func everyMember(e, a *node) cover {
	mask := node{kind: '{'}
	for name := range members(e, a) {
		mask.kids = append(mask.kids, node{kind: 't', name: name})
	}
	return cover{&mask}
}

// value writes one place of both states, and notes where it wrote it.
func (c *comparer) value(e, a *node, masks cover, named bool) {
	fromE, fromA := len(c.expected), len(c.actual)
	switch {
	case masks.hides(e) || masks.hides(a):
		c.expected = appendHidden(c.expected, e)
		c.actual = appendHidden(c.actual, a)
	case e.is('{') && (a.is('{') || a.empty()) || a.is('{') && e.empty():
		c.object(e, a, masks, named)
	case e.is('[') && a.is('['):
		c.list(e, a, masks, named)
	case e.is('[') || a.is('[') || e.is('{') || a.is('{'): // values of different kinds
		c.one(e, nil, masks, named)
		c.one(nil, a, masks, named)
	default:
		c.expected = c.appendScalar(c.expected, e, named)
		if e.is('"') && a.is('"') && bytes.Equal(e.text, a.text) {
			c.actual = append(c.actual, c.expected[fromE:]...)
		} else {
			c.actual = c.appendScalar(c.actual, a, named)
		}
	}
	if e != nil {
		known := c.note(e)
		known.from, known.to = place(fromE), place(len(c.expected))
	}
	if a != nil {
		known := c.note(a)
		known.from, known.to = place(fromA), place(len(c.actual))
	}
}

// place is where something was written, for which a resource has by far not enough bytes to be too large.
func place(at int) int32 { return int32(at) } //nolint:gosec // see maxPending

// one writes a value that has no counterpart.
func (c *comparer) one(e, a *node, masks cover, named bool) {
	n := cmp.Or(e, a)
	switch {
	case n.is('{'):
		c.object(e, a, masks, named)
	case n.is('['):
		c.list(e, a, masks, named)
	default:
		c.value(e, a, masks, named)
	}
}

func (c *comparer) object(e, a *node, masks cover, named bool) {
	secret := c.names.within(e, a)
	c.expected = c.open(c.expected, e, '{', named)
	c.actual = c.open(c.actual, a, '{', named)
	firstE, firstA := len(c.expected), len(c.actual)
	member := func(shown []byte, e, a *node) {
		if e != nil {
			c.expected = appendName(c.expected, shown, len(c.expected) > firstE)
		}
		if a != nil {
			c.actual = appendName(c.actual, shown, len(c.actual) > firstA)
		}
		n := cmp.Or(e, a)
		c.value(e, a, masks.member(n.name), named || c.names.of(n)&secret != 0)
	}
	if c.hasSecretName(e, a) {
		for _, m := range c.shown(e, a) {
			member(m.shown, m.e, m.a)
		}
	} else {
		for name, m := range members(e, a) {
			member(name, m[0], m[1])
		}
	}
	c.expected = closeWith(c.expected, e, '{', '}')
	c.actual = closeWith(c.actual, a, '{', '}')
}

func (c *comparer) list(e, a *node, masks cover, named bool) {
	c.expected = c.open(c.expected, e, '[', named)
	c.actual = c.open(c.actual, a, '[', named)
	element := masks.elements(e, a)
	for i := range max(e.len(), a.len()) {
		if i > 0 && i < e.len() {
			c.expected = append(c.expected, ',')
		}
		if i > 0 && i < a.len() {
			c.actual = append(c.actual, ',')
		}
		c.value(e.at(i), a.at(i), element(i), named || c.names.flagged(e, a, i))
	}
	c.expected = closeWith(c.expected, e, '[', ']')
	c.actual = closeWith(c.actual, a, '[', ']')
}

// shownMember is a member of an object on both sides, under the name it is shown with.
type shownMember struct {
	name, shown []byte
	e, a        *node
}

// hasSecretName reports whether a member of two objects is shown under another name.
func (c *comparer) hasSecretName(e, a *node) bool {
	for name := range members(e, a) {
		if c.isSecret(name) {
			c.maskedNames = true
			return true
		}
	}
	return false
}

// shown are the members that two objects have between them, in the order of the names they are shown with. A masked name is
// shown as a hash of itself, for no two may be the same.
func (c *comparer) shown(e, a *node) []shownMember {
	list := make([]shownMember, 0, max(e.len(), a.len()))
	masked := false
	for name, m := range members(e, a) {
		shown := name
		if c.isSecret(name) {
			shown, masked = []byte(c.mask(name)), true
		}
		list = append(list, shownMember{name, shown, m[0], m[1]})
	}
	if masked {
		slices.SortFunc(list, func(x, y shownMember) int { return bytes.Compare(x.shown, y.shown) })
	}
	return list
}

func (c *comparer) appendScalar(b []byte, n *node, named bool) []byte {
	if n == nil {
		return b
	}
	if c.hideAll && c.hides(n, named) {
		return c.appendHash(b, n)
	}
	switch n.kind {
	case 'n':
		return append(b, "null"...)
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	case '0':
		if isLongWritten(n.text) {
			return appendQuote(b, n.text)
		}
		return append(b, n.text...)
	case '"':
		if named && len(n.text) > 0 {
			return appendQuote(b, Redacted)
		}
		return c.appendText(b, n.text)
	case '{': // empty, beside a value of another kind
		return append(b, "{}"...)
	default:
		return append(b, "[]"...)
	}
}

// hides reports whether a value is one that is shown as a hash when no values are kept.
func (*comparer) hides(n *node, named bool) bool {
	if n.kind == '"' {
		return len(n.text) > 0 && !named
	}
	return n.kind == '0' || n.kind == 't' || n.kind == 'f'
}

// appendHidden writes what a mask covers. That a value is missing may be shown; a value may not, nor may its shape.
func appendHidden(b []byte, n *node) []byte {
	switch {
	case n == nil:
		return b
	case n.kind == 'n':
		return append(b, "null"...)
	case n.kind == '"' && len(n.text) == 0:
		return append(b, `""`...)
	case n.kind == '{' && len(n.kids) == 0:
		return append(b, "{}"...)
	case n.kind == '[' && len(n.kids) == 0:
		return append(b, "[]"...)
	}
	return appendQuote(b, Redacted)
}

// open starts a container on the side that has one; the other side has nothing, or its own way of saying so.
func (c *comparer) open(b []byte, n *node, kind jsontext.Kind, named bool) []byte {
	if n.is(kind) {
		return append(b, byte(kind))
	}
	return c.appendScalar(b, n, named)
}

func closeWith(b []byte, n *node, kind jsontext.Kind, end byte) []byte {
	if n.is(kind) {
		return append(b, end)
	}
	return b
}

// corresponding reports whether two lists are compared element by element: blocks, of which there are as many on each
// side. Other lists are compared as one value.
func corresponding(e, a *node) bool {
	return len(e.kids) == len(a.kids) && (hasContainer(e) || hasContainer(a))
}

func hasContainer(n *node) bool {
	return slices.ContainsFunc(n.kids, func(k node) bool { return k.kind == '{' || k.kind == '[' })
}

func appendName(b, name []byte, comma bool) []byte {
	if comma {
		b = append(b, ',')
	}
	return append(appendQuote(b, name), ':')
}

// appendStep goes down to a member as Terraform writes it: tags.env, or tags["kubernetes.io/name"].
func appendStep(path, name []byte) []byte {
	if isIdentifier(name) {
		if len(path) > 0 {
			path = append(path, '.')
		}
		return append(path, name...)
	}
	path = append(path, '[')
	path = appendQuote(path, name)
	return append(path, ']')
}

func appendIndex(path []byte, i int) []byte {
	path = append(path, '[')
	path = strconv.AppendInt(path, int64(i), 10)
	return append(path, ']')
}

func isIdentifier(name []byte) bool {
	for i, ch := range name {
		letter := 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z' || ch == '_'
		if !letter && (i == 0 || ch != '-' && (ch < '0' || ch > '9')) {
			return false
		}
	}
	return len(name) > 0
}

func appendOrNull(b, value []byte) []byte {
	if len(value) == 0 {
		return append(b, "null"...)
	}
	return append(b, value...)
}
