package plan

import (
	"bytes"
	"cmp"
	"slices"
)

// cover is the masks that lie over one value: those of both sides, since what either side calls sensitive is. A mask is
// false, true for the whole subtree, or an object or list shaped like the value.
type cover []*node

// hides reports whether all of a value of this kind is covered. A mask that has another shape than the value cannot say
// which part it means, so it covers everything if it covers anything.
func (c cover) hides(n *node) bool {
	return n != nil && slices.ContainsFunc(c, func(m *node) bool {
		return m.is('t') || m.kind != n.kind && !n.empty() && m.covers()
	})
}

// covers reports whether there is a true anywhere in a mask.
func (n *node) covers() bool {
	return n.is('t') || n.every || slices.ContainsFunc(n.kids, func(k node) bool { return k.covers() })
}

// everything covers all of a value.
var everything = cover{{kind: 't'}}

// with is the cover and one more mask. What is hidden as a whole needs no other, and an object without members covers nothing.
func (c cover) with(m *node) cover {
	switch {
	case m == nil, m.kind == 'f', m.kind == 'n', m.kind == '{' && len(m.kids) == 0, len(c) > 0 && c[0].kind == 't':
		return c
	case m.kind == 't':
		return everything
	}
	return append(c, m)
}

// member is what covers the member of an object. Names are asked for in order.
func (c cover) member(name []byte) (below cover) {
	for _, m := range c {
		below = below.with(m.next(name))
	}
	return below
}

// elements gives what covers each element of a list. Where the two sides have lists of different lengths, or a mask has
// another length than they, an index means different things to them: every element is then covered by the masks of all.
func (c cover) elements(a, b *node) func(i int) cover {
	if len(c) == 0 {
		return func(int) cover { return nil }
	}
	n := max(a.len(), b.len())
	another := func(m *node) bool { return m.is('[') && !m.every && len(m.kids) != n }
	if a.is('[') && b.is('[') && len(a.kids) != len(b.kids) || slices.ContainsFunc(c, another) {
		var merged cover
		if m := c.flatten().merge(); m != nil {
			merged = cover{m}
		}
		return func(int) cover { return merged }
	}
	return func(i int) (below cover) {
		for _, m := range c {
			below = below.with(m.at(i))
		}
		return below
	}
}

// merge makes one mask of many, without what covers nothing; nil when nothing does. It looks at each mask once, and a list
// costs no more than its elements and its masks added together.
func (c cover) merge() *node {
	switch {
	case len(c) == 0:
		return nil
	case len(c) == 1 && c[0].every:
		return c[0]
	}
	objects, n := 0, 0
	for _, m := range c {
		switch {
		case m.is('t'):
			return &node{kind: 't', every: true}
		case m.is('{'):
			objects++
			n += len(m.kids)
		}
	}
	object, list := c.mergeObjects(objects, n), (*node)(nil)
	if element := c.flatten().merge(); element != nil {
		pair := [2]node{{kind: '[', every: true}, *element}
		list = &pair[0]
		list.kids = pair[1:]
	}
	switch {
	case object != nil && list != nil:
		return &node{kind: 't', every: true}
	case object != nil:
		return object
	}
	return list
}

// mergeObjects merges those of the masks that are objects; they have n members.
func (c cover) mergeObjects(objects, n int) *node {
	if n == 0 {
		return nil
	}
	members := make(cover, 0, n)
	for _, m := range c {
		for i := range m.kids {
			if k := &m.kids[i]; m.kind == '{' && k.kind != 'f' && k.kind != 'n' {
				members = append(members, k)
			}
		}
	}
	if objects > 1 {
		slices.SortStableFunc(members, func(a, b *node) int { return bytes.Compare(a.name, b.name) })
	}
	kids := make([]node, 1, n+1) // the first one is the object itself
	for len(members) > 0 {
		name, n := members[0].name, 1
		for n < len(members) && bytes.Equal(members[n].name, name) {
			n++
		}
		if below := members[:n].merge(); below != nil {
			kid := *below
			kid.name = name
			kids = append(kids, kid)
		}
		members = members[n:]
	}
	if len(kids) == 1 {
		return nil
	}
	kids[0] = node{kind: '{', every: true, kids: kids[1:]}
	return &kids[0]
}

// flatten is the elements of all lists.
func (c cover) flatten() cover {
	n := 0
	for _, m := range c {
		if m.is('[') {
			n += len(m.kids)
		}
	}
	if n == 0 {
		return nil
	}
	all := make(cover, 0, n)
	for _, m := range c {
		if m.is('[') {
			for i := range m.kids {
				all = append(all, &m.kids[i])
			}
		}
	}
	return all
}

// newCover checks that masks are masks: one that is not understood must not pass for "nothing is sensitive".
func newCover(masks ...*node) (cover, bool) {
	var c cover
	for _, m := range masks {
		if m == nil {
			continue
		}
		if !m.isMask() {
			return nil, false
		}
		c = append(c, m)
	}
	return c, true
}

func (n *node) isMask() bool {
	return n.kind != '"' && n.kind != '0' && !slices.ContainsFunc(n.kids, func(k node) bool { return !k.isMask() })
}

// collector finds the masked strings of a plan in pass 1.
type collector struct {
	names   *names
	secrets *secrets
}

// collect adds the strings that are masked in two values of the same place; either may be nil.
func (c *collector) collect(a, b *node, masks cover, named bool) {
	switch {
	case masks.hides(a) || masks.hides(b):
		c.all(a)
		c.all(b)
	case a.is('{') || b.is('{'):
		secret := c.names.within(a, b)
		for name, m := range members(a, b) {
			c.collect(m[0], m[1], masks.member(name), named || c.names.of(cmp.Or(m[0], m[1]))&secret != 0)
		}
		c.scalar(a, named)
		c.scalar(b, named)
	case a.is('[') || b.is('['):
		element := masks.elements(a, b)
		for i := range max(a.len(), b.len()) {
			c.collect(a.at(i), b.at(i), element(i), named || c.names.flagged(a, b, i))
		}
		c.scalar(a, named)
		c.scalar(b, named)
	default:
		c.scalar(a, named)
		if !a.is('"') || !b.is('"') || !bytes.Equal(a.text, b.text) {
			c.scalar(b, named)
		}
	}
}

func (c *collector) scalar(n *node, named bool) {
	switch {
	case !n.is('"'):
	case named:
		c.secrets.add(n.text)
	default:
		c.secrets.look(n.text)
	}
}

func (c *collector) all(n *node) {
	if n == nil {
		return
	}
	if n.kind == '"' {
		c.secrets.add(n.text)
	}
	for i := range n.kids {
		c.all(&n.kids[i])
	}
}

func sortKids(kids []node) {
	slices.SortFunc(kids, func(a, b node) int { return bytes.Compare(a.name, b.name) })
}

// len is the number of a list's elements or an object's members.
func (n *node) len() int {
	if n == nil {
		return 0
	}
	return len(n.kids)
}
