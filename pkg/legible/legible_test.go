package legible

import "testing"

// Mutations: a class of characters left out of hidden; a line break in a line; an escape that is escaped again.
func TestLegible(t *testing.T) {
	for s, want := range map[string]struct {
		line, text bool
		escaped    string // as a line
	}{
		"": {true, true, ""},
		"plain, größer, 日本, 👩‍👩‍👧": {true, true, "plain, größer, 日本, 👩‍👩‍👧"},
		"شبكة":                      {true, true, "شبكة"}, // A script from the right needs no mark.
		"two\nlines":                {false, true, `two\u{a}lines`},
		"a\ttab":                    {false, true, `a\u{9}tab`},
		"\x1b[31mred":               {false, false, `\u{1b}[31mred`},
		"a\x00b\x7fc\u0085":         {false, false, `a\u{0}b\u{7f}c\u{85}`},
		"a\u202egpj.exe":            {false, false, `a\u{202e}gpj.exe`},
		"\u2066a\u2069\u200f\u061c": {false, false, `\u{2066}a\u{2069}\u{200f}\u{61c}`},
		"a\u2028b\u2029":            {false, false, `a\u{2028}b\u{2029}`},
	} {
		if got := Line(s) == ""; got != want.line {
			t.Errorf("%q as a line: %v", s, got)
		}
		if got := Text(s) == ""; got != want.text {
			t.Errorf("%q as a text: %v", s, got)
		}
		if got := EscapeLine(s); got != want.escaped || EscapeLine(got) != got || Line(got) != "" {
			t.Errorf("%q escaped: %q", s, got)
		}
		if got := EscapeText(s); EscapeText(got) != got || Text(got) != "" || want.text && got != s {
			t.Errorf("%q escaped as a text: %q", s, got)
		}
	}
}

// Mutations: a text of spaces that counts as filled; Filled without Line.
func TestFilled(t *testing.T) {
	for s, want := range map[string]bool{"a": true, " a ": true, "": false, " \u00a0": false, "\t": false, "\u202e": false, "a\u202e": false, "a\nb": false} {
		if got := Filled(s) == ""; got != want {
			t.Errorf("%q is filled: %v", s, got)
		}
	}
}
