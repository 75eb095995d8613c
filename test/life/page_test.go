//go:build tofu

package life

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// block is the commands of one place in docs/sending-plans.md.
type block struct {
	name string
	text string
}

var (
	fence = regexp.MustCompile("(?m)^```sh$")
	lines = regexp.MustCompile("(?s)<!-- lines: ([a-z -]+) -->\n```sh\n(.*?\n)```\n")
	page  = sync.OnceValues(func() (string, error) {
		raw, err := os.ReadFile("../../docs/sending-plans.md")
		return string(raw), err
	})
	export = regexp.MustCompile(`(?m)^export ([A-Z_]+)=`)
)

// blocks are all commands of the page, by name.
func blocks(t *testing.T) map[string]string {
	t.Helper()
	text, err := page()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range lines.FindAllStringSubmatch(text, -1) {
		if _, twice := found[m[1]]; twice {
			t.Fatalf("docs/sending-plans.md has two blocks %q", m[1])
		}
		found[m[1]] = m[2]
	}
	if fences := len(fence.FindAllString(text, -1)); fences != len(found) {
		t.Fatalf("docs/sending-plans.md has %d blocks of commands, %d of them with a name", fences, len(found))
	}
	return found
}

// documented is one block of the page.
func documented(t *testing.T, name string) block {
	t.Helper()
	text, ok := blocks(t)[name]
	if !ok {
		t.Fatalf("docs/sending-plans.md has no block %q", name)
	}
	return block{name, text}
}

// without is the block with less in it, for a user who leaves something out or uses another flag.
func (b block) without(t *testing.T, part string) block {
	t.Helper()
	return b.with(t, part, "")
}

func (b block) with(t *testing.T, part, instead string) block {
	t.Helper()
	if !strings.Contains(b.text, part) {
		t.Fatalf("the block %q of docs/sending-plans.md has no %q", b.name, part)
	}
	b.text = strings.Replace(b.text, part, instead, 1)
	return b
}
