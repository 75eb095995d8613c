package rule

import (
	"slices"
	"strings"
)

// glob is a text in which * stands for any text. It is matched in time linear in the text: the parts between the stars are looked
// for one after the other, each from where the last one ended.
type glob struct {
	exact          bool
	prefix, suffix string // the whole text is in prefix when it is exact
	between        []string
	below          []string // the suffix with what comes before members: the glob also matches what is below
}

func newGlob(pattern string) glob {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return glob{exact: true, prefix: pattern}
	}
	return glob{prefix: parts[0], suffix: parts[last], between: parts[1:last]}
}

func (g *glob) match(text string) bool {
	rest, ok := strings.CutPrefix(text, g.prefix)
	if !ok {
		return false
	}
	if g.exact {
		return rest == "" || g.below != nil && (rest[0] == '.' || rest[0] == '[')
	}
	if !strings.Contains(rest, g.suffix) { // as most texts do not
		return false
	}
	for _, part := range g.between {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, g.suffix) || slices.ContainsFunc(g.below, func(end string) bool { return strings.Contains(rest, end) })
}

// globs match when they are none, or when one of them does.
type globs []glob

func newGlobs(patterns []string) globs {
	list := make(globs, len(patterns))
	for i, p := range patterns {
		list[i] = newGlob(p)
	}
	return list
}

// newTreeGlobs also match what is below: members after a dot, and those in brackets.
func newTreeGlobs(patterns []string) globs {
	list := newGlobs(patterns)
	for i := range list {
		list[i].below = []string{list[i].suffix + ".", list[i].suffix + "["}
	}
	return list
}

func (l globs) match(text string) bool {
	for i := range l {
		if l[i].match(text) {
			return true
		}
	}
	return len(l) == 0
}
