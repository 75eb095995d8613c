package plan

import (
	"bytes"
	"encoding/hex"
	"slices"
	"unicode/utf8"
)

// naturalKeys are the attributes that tell the members of a list apart, the best first. One serves for a list when
// every member on both sides has it, and no two members of a side have the same.
var naturalKeys = [...]string{
	"name", "id", "key", "Sid", "sid", "rule_number", "rule_no", "rule_id", "priority", "device_name", "origin_id", "mount_path",
	"container_path", "hostname", "host", "domain_name", "address", "arn", "role", "user", "path", "description", "cidr_block", "port",
}

// lists compares lists member by member. What is in both is no difference, wherever it stands.
func (c *comparer) lists(e, a, unknown *node, policy, show bool) {
	if c.equalLists(e, a, policy) {
		return
	}
	x, y := listed(e, policy), listed(a, policy)
	if len(x) == 1 && len(y) == 1 && isContainer(x[0]) && isContainer(y[0]) && c.keyOf(x, y) == "" {
		c.only(x[0], y[0], unknown.at(0), policy, show)
		return
	}
	if unknown.is('[') && unknown.covers() {
		c.byPlace(x, y, unknown, policy, show)
		return
	}
	if c.whole || c.hashNames == maxHashNames { // A new or lost resource is no better known by a path for each member.
		c.leaf(e, a, policy, show)
		return
	}
	leftE, leftA := c.leftovers(x, y, policy)
	switch {
	case len(leftE)+len(leftA) == 0:
		if !policy {
			c.reordered(e, a, show)
		}
		return
	case anyEmpty(x, leftE), anyEmpty(y, leftA):
		c.leaf(e, a, policy, show)
		return
	}
	if key := c.keyOf(x, y); key != "" {
		c.byKey(x, y, leftE, leftA, key, policy, show)
		return
	}
	c.byContent(x, y, leftE, leftA, policy, show)
}

// maxHashNames is how many names in a path may be hashes, each of which costs as much as what it names.
const maxHashNames = 4

// only compares the only members of two lists, such as a block that can be there once. The path needs no name for them.
func (c *comparer) only(e, a, unknown *node, policy, show bool) {
	c.push(nil, nil, true)
	c.sides.enter(c, e, a, policy)
	c.differAt(e, a, unknown, policy, show)
	c.sides.leave()
	c.pop()
}

func isContainer(n *node) bool { return n.kind == '{' || n.kind == '[' }

// equalLists looks at the bytes before it makes sums, which are then known for all that is below.
func (c *comparer) equalLists(e, a *node, policy bool) bool {
	if e == nil || a == nil {
		return false
	}
	if !policy && e.kind == '[' && a.kind == '[' && !c.note(e).summed && c.identical(e, a) {
		return true
	}
	wrapped := func(n *node) uint64 {
		if policy && n.kind != '[' {
			return c.sumSet(c.sum(n, true))
		}
		return c.sum(n, policy)
	}
	return wrapped(e) == wrapped(a)
}

// listed are the members of a list; in a policy a single value is its own member.
func listed(n *node, policy bool) []*node {
	switch {
	case n.is('['):
		list := make([]*node, len(n.kids))
		for i := range n.kids {
			list[i] = &n.kids[i]
		}
		return list
	case policy && !n.empty():
		return []*node{n}
	}
	return nil
}

// leftovers are the places of the members that have no equal on the other side.
func (c *comparer) leftovers(x, y []*node, policy bool) (leftE, leftA []int) {
	c.work += 2 * (len(x) + len(y))
	if len(x) == 0 || len(y) == 0 {
		return everyPlace(len(x)), everyPlace(len(y))
	}
	type members struct {
		left   int
		paired bool
	}
	count := make(map[uint64]members, len(x))
	for _, n := range x {
		sum := c.sum(n, policy)
		count[sum] = members{left: count[sum].left + 1}
	}
	for i, n := range y {
		sum := c.sum(n, policy)
		of, known := count[sum]
		if of.left > 0 {
			count[sum] = members{of.left - 1, true}
			continue
		}
		if known {
			c.sides.repeated()
		}
		leftA = append(leftA, i)
	}
	// Of several equal members the last ones are left.
	for i, n := range slices.Backward(x) {
		sum := c.sum(n, policy)
		if of := count[sum]; of.left > 0 {
			if of.paired {
				c.sides.repeated()
			}
			count[sum] = members{of.left - 1, of.paired}
			leftE = append(leftE, i)
		}
	}
	slices.Reverse(leftE)
	return leftE, leftA
}

// everyPlace is all the places of a list of n.
func everyPlace(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func anyEmpty(list []*node, places []int) bool {
	for _, i := range places {
		if list[i].empty() {
			return true
		}
	}
	return false
}

// keyOf is the natural key of two lists, or empty.
func (m *meaning) keyOf(x, y []*node) string {
	for _, key := range naturalKeys {
		if m.distinct(x, key) && m.distinct(y, key) {
			return key
		}
	}
	return ""
}

func (m *meaning) distinct(list []*node, key string) bool {
	var seen map[string]bool
	for _, n := range list {
		m.work++
		k := n.get([]byte(key))
		if !k.is('"') && !k.is('0') || len(k.text) == 0 || seen[string(k.text)] {
			return false
		}
		if len(list) == 1 {
			return true
		}
		if seen == nil {
			seen = make(map[string]bool, len(list))
		}
		seen[string(k.text)] = true
	}
	return true
}

// byKey pairs leftovers that have the same key.
func (c *comparer) byKey(x, y []*node, leftE, leftA []int, key string, policy, show bool) {
	other := make(map[string]*node, len(leftA))
	for _, i := range leftA {
		other[string(y[i].get([]byte(key)).text)] = y[i]
	}
	for _, i := range leftE {
		k := x[i].get([]byte(key))
		pair := other[string(k.text)]
		delete(other, string(k.text))
		c.pair(x[i], pair, nil, k, policy, show)
	}
	for _, i := range leftA {
		k := y[i].get([]byte(key))
		if other[string(k.text)] != nil {
			c.pair(nil, y[i], nil, k, policy, show)
		}
	}
}

// byContent pairs the only leftovers of both sides, and those of lists of the same length that stand at the same place.
func (c *comparer) byContent(x, y []*node, leftE, leftA []int, policy, show bool) {
	if len(leftE) == 1 && len(leftA) == 1 {
		c.pair(x[leftE[0]], y[leftA[0]], nil, nil, policy, show)
		return
	}
	inPlace := len(x) == len(y)
	for len(leftE)+len(leftA) > 0 {
		switch {
		case len(leftA) == 0 || len(leftE) > 0 && leftE[0] < leftA[0]:
			c.pair(x[leftE[0]], nil, nil, nil, policy, show)
			leftE = leftE[1:]
		case len(leftE) == 0 || leftA[0] < leftE[0]:
			c.pair(nil, y[leftA[0]], nil, nil, policy, show)
			leftA = leftA[1:]
		case inPlace:
			c.pair(x[leftE[0]], y[leftA[0]], nil, nil, policy, show)
			leftE, leftA = leftE[1:], leftA[1:]
		default:
			c.pair(x[leftE[0]], nil, nil, nil, policy, show)
			c.pair(nil, y[leftA[0]], nil, nil, policy, show)
			leftE, leftA = leftE[1:], leftA[1:]
		}
	}
}

// byPlace pairs the members of lists of which something is not known yet, so that content does not tell which is which.
func (c *comparer) byPlace(x, y []*node, unknown *node, policy, show bool) {
	for i := range max(len(x), len(y)) {
		var e, a *node
		if i < len(x) {
			e = x[i]
		}
		if i < len(y) {
			a = y[i]
		}
		if !unknown.at(i).is('t') {
			c.pair(e, a, unknown.at(i), nil, policy, show)
		}
	}
}

// pair compares two members of lists, or notes one that the other side does not have. key names them; without one their
// content does.
func (c *comparer) pair(e, a, unknown, key *node, policy, show bool) {
	n := e
	if n == nil {
		n = a
	}
	if key == nil && n.kind != '{' && n.kind != '[' {
		key = n
	}
	side := c.expected
	if e == nil {
		side = c.actual
	}
	var name, shown []byte
	if key != nil && len(key.text) > 0 && len(key.text) <= maxStep/2 && utf8.Valid(key.text) {
		name = key.text
		if show && !c.writtenAsIs(key, side) {
			shown = c.hashName(key, policy)
		}
	} else {
		name = c.hashName(n, policy)
		c.hashNames++
		defer func() { c.hashNames-- }()
	}
	c.push(name, shown, true)
	c.sides.enter(c, e, a, policy)
	if e == nil || a == nil {
		c.leaf(e, a, policy, show)
	} else {
		c.differAt(e, a, unknown, policy, show)
	}
	c.sides.leave()
	c.pop()
}

// writtenAsIs reports whether nothing of a text or number was masked.
func (c *comparer) writtenAsIs(n *node, side []byte) bool {
	literal := n.text
	if n.kind == '"' {
		c.quoted = appendQuote(c.quoted[:0], n.text)
		literal = c.quoted
	}
	s := c.spanOf(n)
	return bytes.Equal(side[s.from:s.to], literal)
}

// hashName names a member by a short hash of what it means.
func (c *comparer) hashName(n *node, policy bool) []byte {
	h := c.hash.value(c.meaning, n, policy)
	return hex.AppendEncode([]byte{'#'}, h[:4])
}
