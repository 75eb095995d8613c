package plan

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// maxRoot is how many hashes of addresses stand for a root. Roots with fewer resources are compared exactly. Of larger
// ones the smallest hashes are kept, which are the same ones for the same addresses: two roots that have one in fifty in
// common share some twenty of them.
const maxRoot = 1024

// root is which managed resources the state of a plan has, in a form that is small and tells nothing to those who do not
// have the key. It is made of prior_state, which an empty root does not have, or of resource_changes, which list all that the state
// has, too.
type root struct {
	hashers   []*hasher
	addresses []lowest // by hasher: as they are now
	before    []lowest // by hasher: as they were before moves
}

func newRoot(hashers []*hasher) root {
	return root{hashers: hashers, addresses: make([]lowest, len(hashers)), before: make([]lowest, len(hashers))}
}

// add takes an address, and the one that it had in the plan before.
func (r *root) add(address, before string) {
	for i, h := range r.hashers {
		sum := h.address(address)
		r.addresses[i].add(sum)
		if before != address {
			sum = h.address(before)
		}
		r.before[i].add(sum)
	}
}

func (h *hasher) address(address string) uint64 {
	sum := h.named(ofAddress, []byte(address))
	return binary.BigEndian.Uint64(sum[:])
}

// Root is what to keep of which managed resources the plan's state has, for the plans that come after; nil when it has none.
func (p *Plan) Root() []byte {
	r := &p.root
	sums := r.addresses[0].sorted()
	if len(sums) == 0 {
		return nil
	}
	b := bytes.Clone(r.hashers[0].head[:])
	for _, sum := range sums {
		b = binary.BigEndian.AppendUint64(b, sum)
	}
	return b
}

// AnotherRoot reports whether the plan is of another root than the one that stored is the Root of: they have no address in common,
// and both have some. A hash stored with a key that is not known is not compared.
func (p *Plan) AnotherRoot(stored []byte) bool {
	r := &p.root
	for i, h := range r.hashers {
		if !h.made(stored) {
			continue
		}
		// A move that is not applied yet is in every plan: the plan before may have had the addresses before it, or after it.
		before, now := r.before[i].sorted(), r.addresses[i].sorted()
		other := stored[headSize:]
		if len(now) == 0 || len(other) < 8 {
			return false
		}
		for ; len(other) >= 8; other = other[8:] {
			for _, sums := range [...][]uint64{before, now} {
				if _, ok := slices.BinarySearch(sums, binary.BigEndian.Uint64(other)); ok {
					return false
				}
			}
		}
		return true
	}
	return false
}

// lowest are the smallest of many numbers.
type lowest struct {
	all   []uint64
	bound uint64 // above it none is needed; 0 while there is no bound
}

func (l *lowest) add(sum uint64) {
	if l.bound != 0 && sum > l.bound {
		return
	}
	if l.all = append(l.all, sum); len(l.all) == 2*maxRoot {
		l.bound = l.shrink()
	}
}

// shrink keeps the smallest ones, in order, and returns the largest of these.
func (l *lowest) shrink() uint64 {
	slices.Sort(l.all)
	l.all = slices.Compact(l.all)
	if len(l.all) < maxRoot {
		return math.MaxUint64
	}
	l.all = l.all[:maxRoot]
	return l.all[maxRoot-1]
}

func (l *lowest) sorted() []uint64 {
	l.shrink()
	return l.all
}
