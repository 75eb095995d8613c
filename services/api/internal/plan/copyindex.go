package plan

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/redact"
)

// index tells whether a string contains one of many secrets, each of 8 bytes or more: as it is, in base64 or in hex,
// wherever it starts in there, and behind the escapes of JSON and of URLs.
//
// The strings searched are short and many, the secrets up to thousands, some of them (user data) thousands of bytes
// long. An Aho-Corasick automaton would take tens of bytes of memory for every byte of a secret. Here a secret takes its
// own bytes, and a position of the text a look into a bitmap of the first 8 bytes of each secret and of its encodings; only
// where that hits is the sorted list of secrets searched, for what stands there or for what it decodes to. No secret on the
// list starts with another, therefore the only one that can start at a position is the last that is not greater than the
// text from there.
type index struct {
	sorted []string
	bits   []uint64
	shift  uint
	spared map[string]bool // not looked for; where true, not masked for what they contain either

	decoded []byte // scratch
}

// formsOf is how many starts of 8 bytes a secret has in the encodings together, at most.
const formsOf = 1 + 3*2 + 2

// newIndex makes the index of all secrets but those that are also a region, type or address of the plan.
func newIndex(s *secrets, spared map[string]bool) *index {
	x := &index{spared: spared}
	for _, secret := range slices.Sorted(maps.Keys(s.texts)) {
		if _, ok := spared[secret]; ok {
			continue
		}
		// What starts with the secret before it is found by that one.
		if n := len(x.sorted); n > 0 && strings.HasPrefix(secret, x.sorted[n-1]) {
			continue
		}
		x.sorted = append(x.sorted, secret)
	}
	x.sorted = slices.Clip(x.sorted)

	// With two bits of 16 for each start a false hit is rare; the smallest bitmap fits the first cache.
	size := uint(12)
	for size < 25 && 1<<size < 16*formsOf*len(x.sorted) {
		size++
	}
	x.bits, x.shift = make([]uint64, 1<<size/64), 64-size
	for _, secret := range x.sorted {
		x.mark([]byte(secret[:minSecret]))
		x.markEncoded(secret)
	}
	return x
}

// markEncoded marks how a secret's encodings start. In base64 that depends on where in three bytes it starts: the bytes
// that it shares a character with are left out.
func (x *index) markEncoded(secret string) {
	var b [2 * minSecret]byte
	for skip := range 3 {
		start := []byte(secret[skip : skip+6])
		base64.RawStdEncoding.Encode(b[:], start)
		x.mark(b[:8])
		base64.RawURLEncoding.Encode(b[:], start)
		x.mark(b[:8])
	}
	hex.Encode(b[:], []byte(secret[:4]))
	x.mark(b[:8])
	copy(b[:], bytes.ToUpper(b[:8]))
	x.mark(b[:8])
}

// hash maps the first 8 bytes of b to two bits (Fibonacci hashing).
func (x *index) hash(b []byte) (first, second uint64) {
	h := binary.LittleEndian.Uint64(b) * 0x9E3779B97F4A7C15
	return h >> x.shift, (h * 0xD6E8FEB86659FD93) >> x.shift
}

func (x *index) mark(b []byte) {
	first, second := x.hash(b)
	x.bits[first/64] |= 1 << (first % 64)
	x.bits[second/64] |= 1 << (second % 64)
}

// masks reports whether text equals or contains a secret and is not spared.
//
// The work is bounded: on text made to look like the start of a long secret at every position, comparing stops after some
// times the text's length, and the text is masked unseen.
func (x *index) masks(text []byte) bool {
	if len(text) < minSecret || len(x.sorted) == 0 {
		return false
	}
	budget := 16<<10 + 64*len(text)
	if !x.contains(text, &budget) && !x.behindEscapes(text, &budget) {
		return false
	}
	whole, spared := x.spared[string(text)]
	return !spared || !whole
}

// maxEscapes is how many escapings of one another are looked behind.
const maxEscapes = 3

// behindEscapes looks at what the text is without the escapes of JSON and of URLs.
func (x *index) behindEscapes(text []byte, budget *int) bool {
	for range maxEscapes {
		switch {
		case bytes.IndexByte(text, '\\') >= 0:
			text = bytesOf(redact.Unescape(view(text)))
		case bytes.IndexByte(text, '%') >= 0:
			if bytes.IndexByte(text, '+') >= 0 { // a space, in a query
				spaced := bytes.ReplaceAll(text, []byte{'+'}, []byte{' '})
				if x.contains(unescapeURL(spaced[:0], spaced), budget) {
					return true
				}
			}
			plain := unescapeURL(make([]byte, 0, len(text)), text)
			if len(plain) == len(text) {
				return false
			}
			text = plain
		default:
			return false
		}
		if x.contains(text, budget) {
			return true
		}
	}
	return false
}

func (x *index) contains(text []byte, budget *int) bool {
	for i := range len(text) - minSecret + 1 {
		first, second := x.hash(text[i:])
		if x.bits[first/64]&(1<<(first%64)) == 0 || x.bits[second/64]&(1<<(second%64)) == 0 {
			continue
		}
		found, cost := x.startsWithSecret(text[i:])
		if !found {
			var more int
			found, more = x.startsEncoded(text, i)
			cost += more
		}
		*budget -= cost
		if found || *budget < 0 {
			return true
		}
	}
	return false
}

// startsEncoded reports whether the encoding of a secret is at i, or started up to three characters before.
func (x *index) startsEncoded(text []byte, i int) (found bool, cost int) {
	x.decoded = appendHex(x.decoded[:0], text[i:], secretPrefix)
	if cost = 1 + len(x.decoded); len(x.decoded) >= minSecret {
		found, more := x.startsWithSecret(x.decoded)
		if cost += more; found {
			return true, cost
		}
	}
	x.decoded = redact.AppendBase64(x.decoded[:0], text[i:], secretPrefix)
	cost += len(x.decoded)
	if len(x.decoded) >= minSecret {
		found, more := x.startsWithSecret(x.decoded)
		if cost += more; found {
			return true, cost
		}
	}
	if i < 4 || !redact.IsBase64(text[i-1]) || !redact.IsBase64(text[i-2]) {
		return false, cost
	}
	// The four characters before hold the first one or two bytes of a secret that does not start with a character.
	x.decoded = redact.AppendBase64(x.decoded[:0], text[i-4:], secretPrefix+3)
	cost += len(x.decoded)
	for skip := 1; skip < 3 && len(x.decoded) >= minSecret+2; skip++ {
		found, more := x.startsWithSecret(x.decoded[skip:])
		if cost += more; found {
			return true, cost
		}
	}
	return false, cost
}

// startsWithSecret is a binary search that compares from the length that the bounds share with the text already, so that
// its cost, counted in bytes compared, is near the length shared with the nearest secret.
func (x *index) startsWithSecret(text []byte) (found bool, cost int) {
	lo, hi := 0, len(x.sorted) // the first secret greater than text is in sorted[lo:hi]
	sharedLo, sharedHi := 0, 0
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		secret := x.sorted[mid]
		from := min(sharedLo, sharedHi)
		n := from
		for n < len(secret) && n < len(text) && secret[n] == text[n] {
			n++
		}
		cost += n - from + 1
		if n == len(secret) {
			return true, cost
		}
		if n == len(text) || secret[n] > text[n] {
			hi, sharedHi = mid, n
		} else {
			lo, sharedLo = mid+1, n
		}
	}
	return false, cost
}
