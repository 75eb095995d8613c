package rule

import "strings"

// glob is a text in which * stands for any text. It is matched in time linear in the text: the parts between the stars are looked
// for one after the other, each from where the last one ended.
type glob struct {
	exact          bool
	prefix, suffix string // the whole text is in prefix when it is exact
	between        []string
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
	if g.exact {
		return text == g.prefix
	}
	rest, ok := strings.CutPrefix(text, g.prefix)
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, g.suffix); !ok {
		return false
	}
	for _, part := range g.between {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			return false
		}
		rest = after
	}
	return true
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
	var list globs
	for _, p := range patterns {
		list = append(list, newGlob(p))
		if !strings.HasSuffix(p, "*") {
			list = append(list, newGlob(p+".*"), newGlob(p+"[*"))
		}
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
