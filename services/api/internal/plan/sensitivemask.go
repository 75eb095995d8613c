package plan

import (
	"bytes"
	"maps"
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

// member is what covers the member of an object.
func (c cover) member(name []byte) cover {
	var below cover
	for _, m := range c {
		if k := m.get(name); k != nil && k.kind != 'f' {
			below = append(below, k)
		}
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
		merged := c.flatten().merge()
		return func(int) cover { return merged }
	}
	return func(i int) cover {
		var below cover
		for _, m := range c {
			if k := m.at(i); k != nil && k.kind != 'f' {
				below = append(below, k)
			}
		}
		return below
	}
}

// merge makes one mask of many, without what covers nothing; nil when nothing does. It looks at each mask once, and a list
// costs no more than its elements and its masks added together.
func (c cover) merge() cover {
	switch {
	case len(c) == 0:
		return nil
	case len(c) == 1 && c[0].every:
		return c
	}
	var objects, lists []*node
	for _, m := range c {
		switch {
		case m.is('t'):
			return cover{{kind: 't', every: true}}
		case m.is('{'):
			objects = append(objects, m)
		case m.is('['):
			lists = append(lists, m)
		}
	}
	var object, list *node
	if elements := cover(lists).flatten().merge(); elements != nil {
		list = &node{kind: '[', every: true, kids: []node{*elements[0]}}
	}
	byName := map[string]cover{}
	for _, m := range objects {
		for i := range m.kids {
			if k := &m.kids[i]; k.kind != 'f' && k.kind != 'n' {
				byName[string(k.name)] = append(byName[string(k.name)], k)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if below := byName[name].merge(); below != nil {
			if object == nil {
				object = &node{kind: '{', every: true}
			}
			kid := *below[0]
			kid.name = []byte(name)
			object.kids = append(object.kids, kid)
		}
	}
	switch {
	case object != nil && list != nil:
		return cover{{kind: 't', every: true}}
	case object != nil:
		return cover{object}
	case list != nil:
		return cover{list}
	}
	return nil
}

// flatten is the elements of all lists.
func (c cover) flatten() cover {
	var all cover
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
	names   names
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
			c.collect(m[0], m[1], masks.member(name), named || c.names.kind(name)&secret != 0)
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
