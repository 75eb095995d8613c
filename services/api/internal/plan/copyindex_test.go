package plan

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// Mutations: spared not looked at, when the index is made or when it is asked; white space kept.
func TestIndex_masks(t *testing.T) {
	s := newSecrets()
	for _, text := range []string{"hunter2-secret", "hunter2-secret-longer", "zzzzzzzz", "exactly8", " \tpadded-secret\n", "short", "long é needle"} {
		s.add([]byte(text))
	}
	x := newIndex(s, map[string]bool{"zzzzzzzz": true, "spared exactly8 text": true, "looked at exactly8": false})
	for text, want := range map[string]bool{
		"hunter2-secret": true, "a hunter2-secret b": true, "hunter2-secret-longer": true, "hunter2-secre": false, "Hunter2-secret": false,
		"exactly8": true, "xexactly8": true, "exactly8x": true, "exactly": false, "exactly 8": false,
		"padded-secret": true, "short": false, "a short text with nothing in it": false,
		"zzzzzzzz": false, "zzzzzzzzz": false, "spared exactly8 text": false, "looked at exactly8": true, "unspared exactly8 text": true,
		"the long é needle": true, "the long e needle": false, "": false,
	} {
		if got := x.masks([]byte(text)); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
	if newIndex(newSecrets(), nil).masks([]byte("anything at all")) {
		t.Error("an index of nothing masks")
	}
}

// Over an alphabet of two, everything that can overlap does.
func TestIndex_masks_what_strings_Contains_finds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(rnd.IntN(2))
		}
		return string(b)
	}
	hits := 0
	for range 300 {
		s, needles := newSecrets(), []string{}
		for range 1 + rnd.IntN(20) {
			needles = append(needles, text(8+rnd.IntN(12)))
			s.add([]byte(needles[len(needles)-1]))
		}
		x := newIndex(s, nil)
		for range 50 {
			hay, want := text(rnd.IntN(60)), false
			for _, n := range needles {
				want = want || strings.Contains(hay, n)
			}
			if want {
				hits++
			}
			if x.masks([]byte(hay)) != want {
				t.Fatalf("%q in %q: want %t", needles, hay, want)
			}
		}
	}
	if hits < 1000 {
		t.Errorf("only %d hits", hits)
	}
}

// A secret stands in other texts as their kind of text needs it. Mutations: without the JSON forms, or one of them; without
// QueryEscape, or PathEscape.
func TestSecrets_forms(t *testing.T) {
	s := newSecrets()
	s.add([]byte(`battery "<staple>" 1`))
	x := newIndex(s, nil)
	for form, text := range map[string]string{
		"as it is":               `say battery "<staple>" 1`,
		"JSON":                   `{"p":"battery \"<staple>\" 1"}`,
		"JSON as Terraform's":    `{"p":"battery \"\u003cstaple\u003e\" 1"}`,
		"a query":                `https://h.example/?p=battery+%22%3Cstaple%3E%22+1&x=2`,
		"a path, or a user info": `https://h.example/battery%20%22%3Cstaple%3E%22%201/x`,
	} {
		if !x.masks([]byte(text)) {
			t.Errorf("in %s it is not found", form)
		}
	}
}

// A secret that starts at every position and ends at none would cost its length at each of them. Mutation: no budget.
func TestIndex_masks_gives_up_on_crafted_text(t *testing.T) {
	s := newSecrets()
	s.add([]byte(strings.Repeat("a", secretPrefix-1) + "b"))
	x := newIndex(s, nil)
	if !x.masks([]byte(strings.Repeat("a", 1<<20))) {
		t.Error("what is too costly to search is not masked")
	}
	if x.masks([]byte(strings.Repeat("a", 60))) {
		t.Error("a short text is masked unseen")
	}
}

// TestIndex_masks_encoded: wherever in three bytes a secret starts, and whatever is around it. Mutations: without hex, lower or
// upper case; without one of the three places in base64, or one of its alphabets; without the escapes.
func TestIndex_masks_encoded(t *testing.T) {
	for _, secret := range []string{"fakepw-\xc3\xbf\xc3\xbe/9~?x", "~?~?~?~?~?~?"} { // the second has + and / in base64
		testEncoded(t, secret)
	}
}

func testEncoded(t *testing.T, secret string) {
	t.Helper()
	s := newSecrets()
	s.add([]byte(secret))
	x := newIndex(s, nil)
	for before := range 7 {
		text := strings.Repeat("b", before) + secret + "after"
		for name, encoded := range map[string]string{
			"std": base64.StdEncoding.EncodeToString([]byte(text)), "raw": base64.RawStdEncoding.EncodeToString([]byte(text)),
			"url": base64.URLEncoding.EncodeToString([]byte(text)), "hex": hex.EncodeToString([]byte(text)),
			"HEX": strings.ToUpper(hex.EncodeToString([]byte(text))), "in a query": "x=1&y=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text))),
			"query": url.QueryEscape(text), "lower case query": strings.ToLower(url.QueryEscape(text)), "JSON twice": strconv.Quote(strconv.QuoteToASCII(text)),
		} {
			if !x.masks([]byte("see " + encoded + " there")) {
				t.Errorf("%s of %q", name, text)
			}
		}
	}
	for _, other := range []string{"ZmFrZXB3", "66616b6570772d", "fakepw-", "ZmFrZXB3LXdoYXRldmVy"} {
		if x.masks([]byte(other + " and something else")) {
			t.Errorf("%q is masked", other)
		}
	}
}

// TestSecrets_parts: what of a masked text may stand elsewhere alone.
func TestSecrets_parts(t *testing.T) {
	s := newSecrets()
	s.add([]byte("#!/bin/bash\nset -euo pipefail\nexport DB=fakepw-in-a-script-1\nthe quick brown fox jumps\nshort line\napt-get install -y nginx\n"))
	s.add([]byte(`{"username":"app","password":"fakepw-2-x","certificate":"a certificate of 30 bytes 1234"}`))
	s.add([]byte(base64.StdEncoding.EncodeToString([]byte("user: x\npassword: fakepw-3-in-base64\n"))))
	s.add([]byte("postgres://u:fakepw%2D4%2Fx@h/db"))
	long := strings.Repeat("0123456789abcdefGHIJ", 20)
	s.add([]byte(long))
	x := newIndex(s, nil)
	for text, want := range map[string]bool{
		"x export DB=fakepw-in-a-script-1 y": true, "the quick brown fox jumps": true, "set -euo pipefail": false, "short line": false, "apt-get install -y nginx": false,
		"fakepw-2-x": true, "a certificate of 30 bytes 1234": true, "username app": false, "fakepw-3-in-base64": true, "fakepw-4/x": true, "fakepw%2D4%2Fx": true,
		long[64:128]: true, "a " + long[76:152]: true, "#!/bin/bash": false,
	} {
		if x.masks([]byte(text)) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}
