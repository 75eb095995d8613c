package plan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// minSecret is the length in characters from which a masked string is looked for elsewhere. Shorter ones ("prod", "5432")
// would mask half of every plan.
const minSecret = 8

// secretPrefix is how many bytes of a masked string are looked for. Who shows that much of a secret has shown too much.
const secretPrefix = 512

// secrets collects what the masks and names cover. It ends in an index.
type secrets struct {
	texts map[string]struct{}
	size  int // bytes, roughly what they take in memory
}

func newSecrets() *secrets { return &secrets{texts: map[string]struct{}{}} }

// add remembers a masked string and the ways in which it stands inside others: escaped in JSON, encoded in a URL, and the
// password of a URL on its own.
func (s *secrets) add(text []byte) {
	text = bytes.TrimSpace(text)
	if len(text) < minSecret || utf8.RuneCount(text[:min(len(text), secretPrefix)]) < minSecret {
		return
	}
	start := text
	if len(text) > secretPrefix {
		end := secretPrefix
		for !utf8.RuneStart(text[end]) {
			end--
		}
		start = text[:end]
	}
	if _, ok := s.texts[string(start)]; ok && len(start) == len(text) {
		return
	}
	secret := string(start)
	s.put(secret)
	if !slices.ContainsFunc(text, func(c byte) bool { return !unreserved[c] }) {
		return
	}
	quoted := appendQuote(nil, secret)
	html, _ := json.Marshal(secret) // Terraform's jsonencode also escapes <, > and &
	for _, form := range [][]byte{quoted, html} {
		s.put(string(form[1 : len(form)-1]))
	}
	s.put(url.QueryEscape(secret))
	s.put(url.PathEscape(secret))
	if bytes.Contains(text, []byte("://")) {
		if u, err := url.Parse(string(text)); err == nil {
			if password, ok := u.User.Password(); ok && utf8.RuneCountInString(password) >= minSecret {
				s.put(password)
				s.put(url.QueryEscape(password))
			}
		}
	}
}

// put keeps a text's start.
func (s *secrets) put(text string) {
	text = text[:min(len(text), secretPrefix)]
	if _, ok := s.texts[text]; ok {
		return
	}
	const overhead = 64 // of a string in a map
	s.size += len(text) + overhead
	s.texts[strings.Clone(text)] = struct{}{}
}

// unreserved are the bytes that no encoding changes.
var unreserved = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") {
		set[c] = true
	}
	return set
}()

// index answers whether a string contains one of many secrets, each of 8 bytes or more.
//
// The strings searched are short and many, the secrets up to thousands, some of them (user data) thousands of bytes
// long. An Aho-Corasick automaton would take tens of bytes of memory for every byte of a secret. Here a secret takes its
// own bytes, and a position of the text one look into a bitmap of the secrets' first 8 bytes; only where that hits is the
// sorted list of secrets searched. No secret on the list starts with another, therefore the only one that can start at a
// position is the last that is not greater than the text from there.
type index struct {
	sorted []string
	bits   []uint64
	shift  uint
	spared map[string]struct{} // never masked for what they contain
}

// newIndex makes the index of all secrets but those that are also a region, type or address of the plan.
func newIndex(s *secrets, spared map[string]struct{}) *index {
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

	// 16 bits for each secret make a false hit rare; the smallest bitmap fits the first cache, the largest the second.
	size := uint(12)
	for size < 22 && 1<<size < 16*len(x.sorted) {
		size++
	}
	x.bits, x.shift = make([]uint64, 1<<size/64), 64-size
	for _, secret := range x.sorted {
		h := x.hash([]byte(secret[:minSecret]))
		x.bits[h/64] |= 1 << (h % 64)
	}
	return x
}

// hash maps the first 8 bytes of b to a bit (Fibonacci hashing).
func (x *index) hash(b []byte) uint64 {
	return binary.LittleEndian.Uint64(b) * 0x9E3779B97F4A7C15 >> x.shift
}

// masks reports whether text equals or contains a secret and is not spared.
//
// The work is bounded: on text made to look like the start of a long secret at every position, comparing stops after some
// times the text's length, and the text is masked unseen.
func (x *index) masks(text []byte) bool {
	if len(text) < minSecret || len(x.sorted) == 0 {
		return false
	}
	budget := 4096 + 16*len(text)
	for i := range len(text) - minSecret + 1 {
		h := x.hash(text[i:])
		if x.bits[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		found, cost := x.startsWithSecret(text[i:])
		budget -= cost
		if found || budget < 0 {
			_, spared := x.spared[string(text)]
			return !spared
		}
	}
	return false
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
