// Package legible has the one rule for texts that strangers give us and people read: names, reasons, titles. Control characters
// and marks of the direction of writing can make a text look like another one, in a browser, a terminal or a message. Such a
// text is refused where its sender can change it, and escaped where not.
package legible

import (
	"fmt"
	"strings"
	"unicode"
)

// A problem is what is wrong with a text, as a message about the field says it.
const (
	lineProblem = "must not have control characters, line breaks, or marks of the direction of writing"
	textProblem = "must not have control characters, except for line breaks and tabs, or marks of the direction of writing"
)

// Line says what is wrong with a text of one line, nothing when it is fine.
func Line(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' || hidden(r) }) {
		return lineProblem
	}
	return ""
}

// Filled is Line for a text that must also show something.
func Filled(s string) string {
	if Blank(s) {
		return "must not be blank"
	}
	return Line(s)
}

// Blank reports whether a text shows nothing.
func Blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// Text says what is wrong with a text that may have several lines, nothing when it is fine.
func Text(s string) string {
	if strings.ContainsFunc(s, hidden) {
		return textProblem
	}
	return ""
}

// EscapeLine writes what Line refuses as \u{…}. What has been escaped stays as it is.
func EscapeLine(s string) string {
	return escape(s, func(r rune) bool { return Line(string(r)) != "" })
}

// EscapeText writes what Text refuses as \u{…}. What has been escaped stays as it is.
func EscapeText(s string) string { return escape(s, hidden) }

func escape(s string, refused func(rune) bool) string {
	if !strings.ContainsFunc(s, refused) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if refused(r) {
			fmt.Fprintf(&b, `\u{%x}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether a character has no shape of its own, and is no line break or tab.
func hidden(r rune) bool {
	switch r {
	case '\n', '\r', '\t':
		return false
	case '\u2028', '\u2029': // separators of lines and paragraphs
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
