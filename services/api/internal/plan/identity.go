package plan

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/dchest/siphash"
)

// identityVersion is how the present Hash of a Change is made: by the meaning of values, each path by a hash of its own.
// Version 1 was a bare HMAC of 32 bytes, see digest.
const identityVersion = 2

// keyIDSize is how many bytes of a hash of a key stand for it.
const keyIDSize = 4

// headSize is what stands before each hash that a key makes: the version, and which key it was.
const headSize = 1 + keyIDSize

// short is a keyed hash that tells values apart, for those who have the key: SipHash, of which one for a short value takes
// a tenth of the time of an HMAC.
type short [8]byte

// none is the hash of nothing.
var none short

// hasher makes the hashes that are stored.
type hasher struct {
	key  []byte
	head [headSize]byte
	keys [4]uint64
	text []byte // scratch
	part []byte // scratch
	work int    // bytes hashed
}

func newHasher(key []byte) *hasher {
	h := &hasher{key: key}
	derive := func(use string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("driftsentry.plan." + use + "\n"))
		return mac.Sum(nil)
	}
	h.head[0] = identityVersion
	copy(h.head[1:], derive("key.v2"))
	keys := derive("short.v2")
	for i := range h.keys {
		h.keys[i] = binary.LittleEndian.Uint64(keys[8*i:])
	}
	return h
}

// made reports whether stored begins as what this hasher makes.
func (h *hasher) made(stored []byte) bool { return bytes.HasPrefix(stored, h.head[:]) }

func (h *hasher) short(text []byte) (s short) {
	h.work += len(text)
	binary.BigEndian.PutUint64(s[:], siphash.Hash(h.keys[0], h.keys[1], text))
	return s
}

// The uses of a short hash, which keep those of equal texts apart.
const (
	ofStep    = 'p'
	ofValue   = 'v'
	ofText    = 'n'
	ofAddress = 'a'
)

func (h *hasher) named(use byte, text []byte) short {
	h.part = append(append(h.part[:0], use), text...)
	s := h.short(h.part)
	h.part = small(h.part)
	return s
}

// small is scratch memory to be used again, unless it has become large.
func small(scratch []byte) []byte {
	if cap(scratch) > longText {
		return nil
	}
	return scratch
}

// step is the hash of the path that goes on from another one. kind tells a name from a list's member.
func (h *hasher) step(from short, kind byte, name []byte) short {
	h.part = append(append(append(h.part[:0], ofStep, kind), from[:]...), name...)
	return h.short(h.part)
}

// value is the hash of what a value means; that of nothing is none.
func (h *hasher) value(m *meaning, n *node, policy bool) short {
	if n.empty() {
		return none
	}
	h.text = m.appendMeaning(append(h.text[:0], ofValue), n, policy)
	s := h.short(h.text)
	h.text = small(h.text)
	return s
}

// identity sums up the differences of a drift. Their order has no part in it, so that they need not be sorted.
type identity struct {
	count  int
	lo, hi uint64
}

// line is one difference.
type line struct{ path, expected, actual short }

func (d *identity) add(h *hasher, l line) {
	var b [3 * len(none)]byte
	copy(b[:], l.path[:])
	copy(b[len(none):], l.expected[:])
	copy(b[2*len(none):], l.actual[:])
	h.work += 2 * len(b)
	d.count++
	d.lo += siphash.Hash(h.keys[0], h.keys[2], b[:])
	d.hi += siphash.Hash(h.keys[1], h.keys[3], b[:])
}

// minus is what was added to another identity to make this one.
func (d *identity) minus(other identity) identity {
	return identity{d.count - other.count, d.lo - other.lo, d.hi - other.hi}
}

// plus is both together.
func (d *identity) plus(other identity) identity {
	return identity{d.count + other.count, d.lo + other.lo, d.hi + other.hi}
}

// hash is the Hash of a Change.
func (d *identity) hash(h *hasher) []byte {
	b := []byte("driftsentry.plan.difference.v2\n")
	for _, part := range [...]uint64{uint64(d.count), d.lo, d.hi} { //nolint:gosec // never negative
		b = binary.BigEndian.AppendUint64(b, part)
	}
	mac := hmac.New(sha256.New, h.key)
	mac.Write(b)
	return mac.Sum(bytes.Clone(h.head[:]))
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
		c.identity = identity{}
		c.differAt(expected, actual, unknown, false, false)
		return [][]byte{c.identity.hash(c.hash)}
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
