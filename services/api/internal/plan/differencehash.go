package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// hashDomain keeps these HMACs apart from others made with the same key, and from those of a later definition.
const hashDomain = "driftsentry.plan.difference.v1\n"

// digest makes an HMAC of the difference of two states. It is a walk of its own, blind to masks: what is masked depends on
// how much of the plan the client sent, and the hash of the same difference must not.
type digest struct {
	mac  hash.Hash
	path []byte
	line []byte
}

func newDigest(key []byte) *digest { return &digest{mac: hmac.New(sha256.New, key)} }

func (d *digest) sum(expected, actual, unknown *node) []byte {
	d.mac.Reset()
	d.mac.Write([]byte(hashDomain))
	d.value(expected, actual, unknown)
	return d.mac.Sum(nil)
}

// value writes a line for each path at which the states differ, as the comparer goes down where nothing is masked. The
// values are written so that what the comparison finds equal has the same bytes.
func (d *digest) value(e, a, unknown *node) {
	mark := len(d.path)
	switch {
	case unknown.is('t'):
	case e.is('{') && (a.is('{') || a.empty()) || a.is('{') && e.empty():
		for name, m := range members(e, a) {
			d.path = appendStep(d.path, name)
			d.value(m[0], m[1], unknown.get(name))
			d.path = d.path[:mark]
		}
	case e.is('[') && a.is('[') && corresponding(e, a):
		for i := range e.kids {
			d.path = appendIndex(d.path, i)
			d.value(e.at(i), a.at(i), unknown.at(i))
			d.path = d.path[:mark]
		}
	case !same(e, a, unknown):
		d.line = appendQuote(d.line[:0], d.path)
		d.line = append(d.line, ':')
		d.line = e.appendCanonical(d.line)
		d.line = append(d.line, ',')
		d.line = a.appendCanonical(d.line)
		d.line = append(d.line, '\n')
		d.mac.Write(d.line)
	}
}
