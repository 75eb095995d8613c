package plan

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
)

// identityVersion is how the present Hash of a Change is made: by the meaning of values, each path by a hash of its own.
// Version 1 was a bare HMAC of 32 bytes, see digest.
const identityVersion = 2

// keyIDSize is how many bytes of a hash of a key stand for it.
const keyIDSize = 4

// headSize is what stands before what is made with a key: the version, and which key it was.
const headSize = 1 + keyIDSize

// short is a keyed hash that tells values apart, for those who have the key.
type short [8]byte

// none is the hash of nothing.
var none short

// hasher makes the hashes that are stored.
type hasher struct {
	key  []byte
	head [headSize]byte
	mac  hash.Hash
	sum  []byte
	text []byte
}

func newHasher(key []byte) *hasher {
	h := &hasher{key: key, mac: hmac.New(sha256.New, key)}
	h.mac.Write([]byte("driftsentry.plan.key.v2\n"))
	h.head[0] = identityVersion
	copy(h.head[1:], h.mac.Sum(nil))
	return h
}

// made reports whether stored begins as what this hasher makes.
func (h *hasher) made(stored []byte) bool { return bytes.HasPrefix(stored, h.head[:]) }

func (h *hasher) short(parts ...[]byte) short {
	h.mac.Reset()
	h.mac.Write([]byte("driftsentry.plan.v2\n"))
	for _, p := range parts {
		h.mac.Write(p)
	}
	h.sum = h.mac.Sum(h.sum[:0])
	return short(h.sum)
}

// step is the hash of the path that goes on from another one. kind tells a name from a list's member.
func (h *hasher) step(from short, kind byte, name []byte) short {
	return h.short([]byte{'p', kind}, from[:], name)
}

// value is the hash of what a value means; that of nothing is none.
func (h *hasher) value(m *meaning, n *node, policy bool) short {
	if n.empty() {
		return none
	}
	h.text = m.appendMeaning(h.text[:0], n, policy)
	return h.short([]byte{'v'}, h.text)
}

// line is what one difference adds to the identity of a drift.
type line struct{ path, expected, actual short }

func (l line) compare(other line) int {
	if order := bytes.Compare(l.path[:], other.path[:]); order != 0 {
		return order
	}
	if order := bytes.Compare(l.expected[:], other.expected[:]); order != 0 {
		return order
	}
	return bytes.Compare(l.actual[:], other.actual[:])
}

// identity is the Hash of lines that are in order.
func (h *hasher) identity(lines []line) []byte {
	h.mac.Reset()
	h.mac.Write([]byte("driftsentry.plan.difference.v2\n"))
	for i := range lines {
		h.mac.Write(lines[i].path[:])
		h.mac.Write(lines[i].expected[:])
		h.mac.Write(lines[i].actual[:])
	}
	return h.mac.Sum(bytes.Clone(h.head[:]))
}

// identity is the hash of what the comparer found.
func (c *comparer) identity() []byte {
	slices.SortFunc(c.lines, line.compare)
	return c.hash.identity(c.lines)
}

// older is the hashes of the same difference that a stored one of another version, or of the previous key, is one of.
func (c *comparer) older(stored []byte, expected, actual, unknown *node) [][]byte {
	if len(stored) == 0 || c.hash.made(stored) {
		return nil
	}
	previous := c.previous
	if previous != nil && previous.made(stored) {
		present := c.hash
		defer func() { c.hash = present }()
		c.hash = previous
		c.lines = c.lines[:0]
		c.differAt(expected, actual, unknown, false, false)
		return [][]byte{c.identity()}
	}
	hashes := [][]byte{newDigest(c.hash.key).sum(expected, actual, unknown)}
	if previous != nil {
		hashes = append(hashes, newDigest(previous.key).sum(expected, actual, unknown))
	}
	return hashes
}

// Matches reports whether a drift's stored hash is of the same difference, by the rule of the version and with the key
// that it was made with. For one that is not present it knows that only of the drifts in Options.Open. Who stores Hash in
// place of what matched has upgraded it.
func (c *Change) Matches(stored []byte) bool {
	if bytes.Equal(c.Hash, stored) {
		return true
	}
	for _, h := range c.older {
		if bytes.Equal(h, stored) {
			return true
		}
	}
	return false
}
