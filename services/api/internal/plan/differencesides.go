package plan

import (
	"bytes"
	"hash/fnv"
)

// maxSides is how many differences of one drift are kept for the plans that come after it.
const maxSides = 256

// sides are keyed hashes of both values of each difference, as far down as names lead: what differs within a list is kept
// as the list's member. Later plans are asked which of the two prior_state has, and names stay the same from plan to plan,
// while places in a list, and which of its members have an equal, do not.
//
//	version, key id, flags, then for each: kind, hash of the path, of the expected value, of the actual one; at the end masksOf
//
// Who reads them ignores a rest that is shorter than a side.
type sides struct {
	flags  byte
	kept   []side
	within int // how many lists the walk is in
}

type side struct {
	kind             byte
	at               short
	expected, actual short
}

// The kinds of a side.
const (
	sideValue  = 'v' // the value at the path
	sideMember = 'm' // a member of the list at the path
)

// The flags.
const (
	expectedAbsent = 1 << iota // the resource should not exist
	actualAbsent
	sidesCut
)

const sideSize = 1 + 3*len(short{})

func (s *sides) reset() { s.flags, s.kept, s.within = 0, s.kept[:0], 0 }

func (s *sides) add(x side) {
	if len(s.kept) == maxSides {
		s.flags |= sidesCut
		return
	}
	s.kept = append(s.kept, x)
}

// leaf takes a difference that is not in a list.
func (s *sides) leaf(c *comparer, l line) {
	if s.within == 0 && s.flags == 0 {
		s.add(side{sideValue, c.at(), l.expected, l.actual})
	}
}

// enter takes the members of the outermost list that differ.
func (s *sides) enter(c *comparer, e, a *node, policy bool) {
	s.within++
	if s.within > 1 || s.flags&^sidesCut != 0 {
		return
	}
	if len(s.kept) == maxSides {
		s.flags |= sidesCut
		return
	}
	member := c.steps[len(c.steps)-1]
	c.steps = c.steps[:len(c.steps)-1]
	at := c.at()
	c.steps = append(c.steps, member)
	s.add(side{sideMember, at, c.hash.value(c.meaning, e, policy), c.hash.value(c.meaning, a, policy)})
}

func (s *sides) leave() { s.within-- }

// repeated notes that a member is in a list more often on one side than on the other. Its being there does not tell which side it is.
func (s *sides) repeated() {
	if s.within == 0 {
		s.flags |= sidesCut
	}
}

// bytes is how they are stored.
func (s *sides) bytes(h *hasher) []byte {
	b := make([]byte, 0, headSize+1+len(s.kept)*sideSize)
	b = append(append(b, h.head[:]...), s.flags)
	for i := range s.kept {
		x := &s.kept[i]
		b = append(b, x.kind)
		b = append(append(append(b, x.at[:]...), x.expected[:]...), x.actual[:]...)
	}
	return b
}

// maskContext is how many bytes before a mask tell which one it is.
const maskContext = 24

// anyMask is how every mask begins.
const anyMask = "[redacted"

// OnlyMasks is what of stored sides tells whether something else is masked than before, without the sides.
func OnlyMasks(stored []byte) []byte {
	const sum = 8 // bytes of masksOf
	return bytes.Clone(stored[max(0, len(stored)-sum):])
}

// masksOf sums up, in 8 bytes, what of a resource is masked: for each mask the text before it, which has its name.
func masksOf(s *States) []byte {
	sum := fnv.New64a()
	for _, state := range [][]byte{s.Expected, s.Actual, s.Difference} {
		for at := 0; ; at += len(anyMask) {
			next := bytes.Index(state[at:], []byte(anyMask))
			if next < 0 {
				break
			}
			at += next
			sum.Write(state[max(0, at-maskContext):at])
			sum.Write([]byte{0})
		}
		sum.Write([]byte{1})
	}
	return sum.Sum(nil)
}

// readSides is the stored sides, if this hasher made them.
func readSides(stored []byte, h *hasher) (sides, bool) {
	if !h.made(stored) || len(stored) <= headSize {
		return sides{}, false
	}
	s := sides{flags: stored[headSize]}
	for b := stored[headSize+1:]; len(b) >= sideSize && len(s.kept) < maxSides; b = b[sideSize:] {
		s.kept = append(s.kept, side{b[0], short(b[1:]), short(b[1+len(short{}):]), short(b[1+2*len(short{}):])})
	}
	return s, true
}

// lookup tells what values prior_state has where a drift was.
type lookup struct {
	*meaning
	hash    *hasher
	wanted  map[short][]int // the sides at a path
	kept    []side
	verdict []match

	list    *node // of which these are the members' hashes
	members map[short]bool
}

// match is which of the two values was found.
type match byte

const (
	matchNeither match = iota
	matchExpected
	matchActual
	matchBoth
)

// how compares the sides with a resource as it is recorded now. m knows nothing but nodes of this resource.
func (s *sides) how(m *meaning, h *hasher, values *node) How {
	switch {
	case s.flags&actualAbsent != 0: // It had been deleted, and is there again.
		return HowReverted
	case s.flags&expectedAbsent != 0:
		return HowAccepted
	case len(s.kept) == 0 || s.flags&sidesCut != 0:
		return HowUnknown
	}
	l := lookup{meaning: m, hash: h, wanted: make(map[short][]int, len(s.kept)), kept: s.kept, verdict: make([]match, len(s.kept))}
	for i := range s.kept {
		l.wanted[s.kept[i].at] = append(l.wanted[s.kept[i].at], i)
		l.judge(i, nil, false) // until it is found
	}
	l.object(values, none, false)
	all := matchBoth
	for _, v := range l.verdict {
		all &= v
	}
	switch all {
	case matchExpected:
		return HowReverted
	case matchActual:
		return HowAccepted
	case matchBoth:
		return HowUnknown
	default:
		return HowSuperseded
	}
}

func (l *lookup) object(n *node, at short, policy bool) {
	if !n.is('{') {
		return
	}
	for i := range n.kids {
		k := &n.kids[i]
		l.value(k, l.hash.step(at, '.', k.name), policy || isStatement(k))
	}
}

func (l *lookup) value(n *node, at short, policy bool) {
	for _, i := range l.wanted[at] {
		l.judge(i, n, policy)
	}
	if doc := l.document(n); doc != nil {
		l.inDocument(doc, at)
		return
	}
	l.object(n, at, policy)
}

// inDocument goes on in a document, which has the path of the string that it stands in.
func (l *lookup) inDocument(doc *node, at short) {
	if doc.is('[') {
		for _, i := range l.wanted[at] {
			if l.kept[i].kind == sideMember || l.verdict[i] == matchNeither { // The string was compared, or the list in it.
				l.judge(i, doc, false)
			}
		}
		return
	}
	l.object(doc, at, false)
}

func (l *lookup) judge(i int, n *node, policy bool) {
	s := &l.kept[i]
	var hasExpected, hasActual bool
	if s.kind == sideMember {
		if n == nil || l.list != n {
			l.list, l.members = n, make(map[short]bool)
			for _, member := range listed(n, policy) {
				l.members[l.hash.value(l.meaning, member, policy)] = true
			}
		}
		hasExpected, hasActual = l.members[s.expected], l.members[s.actual]
		switch { // What was added or taken away is judged by whether it is there.
		case s.expected == none:
			hasExpected = !hasActual
		case s.actual == none:
			hasActual = !hasExpected
		}
	} else {
		v := l.hash.value(l.meaning, n, policy)
		hasExpected, hasActual = bytes.Equal(v[:], s.expected[:]), bytes.Equal(v[:], s.actual[:])
	}
	l.verdict[i] = matchNeither
	if hasExpected {
		l.verdict[i] |= matchExpected
	}
	if hasActual {
		l.verdict[i] |= matchActual
	}
}
