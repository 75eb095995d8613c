package plan

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Mutations: spared not looked at, when the index is made or when it is asked; white space kept.
func TestIndex_masks(t *testing.T) {
	s := newSecrets()
	for _, text := range []string{"hunter2-secret", "hunter2-secret-longer", "zzzzzzzz", "exactly8", " \tpadded-secret\n", "short", "long é needle"} {
		s.add([]byte(text))
	}
	x := newIndex(s, map[string]struct{}{"zzzzzzzz": {}, "spared exactly8 text": {}})
	for text, want := range map[string]bool{
		"hunter2-secret": true, "a hunter2-secret b": true, "hunter2-secret-longer": true, "hunter2-secre": false, "Hunter2-secret": false,
		"exactly8": true, "xexactly8": true, "exactly8x": true, "exactly": false, "exactly 8": false,
		"padded-secret": true, "short": false, "a short text with nothing in it": false,
		"zzzzzzzz": false, "zzzzzzzzz": false, "spared exactly8 text": false, "unspared exactly8 text": true,
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

func TestLooksSecret(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	for text, want := range map[string]bool{
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE": true, "x\n-----BEGIN PRIVATE KEY-----": true, "-----BEGIN CERTIFICATE-----\nMIIE": false,
		jwt: true, "Bearer " + jwt: true, "eyJhbGciOiJIUzI1NiJ9 alone": false, "xeyJ" + jwt: false,
		"AKIAIOSFODNN7EXAMPLE": true, "id=AKIAIOSFODNN7EXAMPLE;": true, "AKIA is a prefix of keys": false, "MAKIAIOSFODNN7EXAMPLE": false,
		"ghp_0123456789abcdef0123456789abcdef0123": true, "glpat-0123456789abcdef0123": true,
		"https://user:pass@example.com/x": true, "see postgres://u:p@h": true, "https://user@example.com": false,
		"https://example.com/a:b@c": false, "https://example.com:8080/": false, "https://:@h/": false,
		"arn:aws:iam::123456789012:role/service-role/x": false, "": false,
	} {
		if got := looksSecret([]byte(text)); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
