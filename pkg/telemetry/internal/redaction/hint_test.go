package redaction

import "testing"

// A hint that a match need not have would let secrets through; none at all makes every text be searched.
func TestHintOf(t *testing.T) {
	for pattern, want := range map[string]string{
		`\bds[rs]?_[A-Za-z0-9]{40,}`: "ds", `sk-\d+`: "sk-", `\bfoo|bar`: "", `(?i)token`: "", `[ab]c`: "", `\b`: "", `\bx*`: "",
	} {
		if got := hintOf(pattern); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}
