package plan

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
)

// isSecret reports whether a string, or a name, has something secret in it.
func (c *comparer) isSecret(text []byte) bool {
	return c.secrets.masks(text) || redact.Find(view(text), &c.look) != nil
}

// appendText writes a string without its secrets. Of a document, and of a text of several lines, only what is secret is
// masked; the rest is checked once more for copies before it is shown.
func (c *comparer) appendText(b, text []byte) []byte {
	if !c.secrets.masks(text) {
		if found := redact.Find(view(text), &c.look); found != nil {
			return appendQuote(b, redact.Apply(view(text), found))
		}
		return appendQuote(roomFor(b, text), text)
	}
	plain := redact.Apply(string(text), redact.Find(view(text), &c.look))
	if strings.IndexByte(plain, '\n') >= 0 {
		plain = c.maskLines(plain)
	}
	if plain == string(text) || c.secrets.masks([]byte(plain)) {
		plain = Redacted
	}
	return appendQuote(b, plain)
}

// longText is from what length on a text's copies count.
const longText = 1 << 20

// roomFor makes as much room as a long text takes as a JSON string, rather than more and more.
func roomFor(b, text []byte) []byte {
	if len(text) < longText {
		return b
	}
	return slices.Grow(b, len(text)+bytes.Count(text, []byte{'"'})+bytes.Count(text, []byte{'\\'})+bytes.Count(text, []byte{'\n'})+2)
}

// maskLines masks each line that has a copy of a secret.
func (c *comparer) maskLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !c.secrets.masks([]byte(line)) {
			b.WriteString(line)
			continue
		}
		content := strings.TrimRight(line, "\r\n")
		indent := content[:len(content)-len(strings.TrimLeft(content, " \t"))]
		b.WriteString(indent + Redacted + line[len(content):])
	}
	return b.String()
}

// hashOf is a keyed hash that stands for a secret name or key, so that two never look the same.
func (c *comparer) hashOf(kind byte, text []byte) string {
	h := c.hash.named(kind, text)
	return hex.EncodeToString(h[:6])
}

// mask is what a name is shown as that is a secret.
func (c *comparer) mask(name []byte) string { return redactedOpen + c.hashOf('k', name) + "]" }

const redactedOpen = "[redacted "

// appendHash writes what is shown of a value when no values are kept.
func (c *comparer) appendHash(b []byte, n *node) []byte {
	text := n.text
	if n.kind == 't' || n.kind == 'f' {
		text = []byte(strconv.FormatBool(n.kind == 't'))
	}
	return fmt.Appendf(b, `"[hidden %s]"`, c.hashOf('h', text))
}

// address is an address as it is shown: its instance keys that are secret are hashes of themselves. The same keys are shown
// the same, whatever else the plan has. Terraform writes no character that legible refuses: it escapes those of an instance key.
func (c *comparer) address(address string) string {
	return legible.EscapeLine(eachKey(address, func(key string) string {
		if c.isSecret([]byte(key)) {
			return c.mask([]byte(key))
		}
		return key
	}))
}

// label is a name from outside a plan, as it is shown. One that had a secret in it gets a hash, so that two never look the same.
func (c *comparer) label(text string) string {
	if !c.isSecret([]byte(text)) {
		return text
	}
	plain := redact.Apply(text, redact.Find(text, &c.look))
	if c.secrets.masks([]byte(plain)) {
		return c.mask([]byte(text))
	}
	return plain + " " + c.mask([]byte(text))
}

// eachKey replaces the instance keys in quotes of an address.
func eachKey(address string, replace func(key string) string) string {
	var b strings.Builder
	last := 0
	for {
		at := strings.Index(address[last:], `["`)
		if at < 0 {
			break
		}
		from := last + at + len(`["`)
		to := from
		for to < len(address) && address[to] != '"' {
			if address[to] == '\\' {
				to++
			}
			to++
		}
		to = min(to, len(address))
		raw := address[from:to]
		key, err := strconv.Unquote(`"` + raw + `"`)
		if err != nil {
			key = raw
		}
		b.WriteString(address[last:from])
		if shown := replace(key); shown != key {
			raw = shown
		}
		b.WriteString(raw)
		last = to
	}
	if last == 0 {
		return address
	}
	return b.String() + address[last:]
}

// canonical is an ID in which every instance key in quotes is its hash, also one that was shown as such. The ID of a stored
// drift and that of the plan are compared by it when the stored one has a masked key.
func canonical(h *hasher, id string) string {
	c := comparer{differ: differ{hash: h}}
	return eachKey(id, func(key string) string {
		if strings.HasPrefix(key, redactedOpen) {
			return key
		}
		return c.mask([]byte(key))
	})
}
