package otlpsink

import "strings"

// painter colours text, or leaves it as it is.
type painter struct{ on bool }

func palette(on bool) painter { return painter{on} }

const reset = "\x1b[0m"

func (p painter) with(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + reset
}

func (p painter) bold(s string) string   { return p.with("1", s) }
func (p painter) dim(s string) string    { return p.with("2", s) }
func (p painter) red(s string) string    { return p.with("31", s) }
func (p painter) green(s string) string  { return p.with("32", s) }
func (p painter) yellow(s string) string { return p.with("33", s) }

// service gives each service of a trace its colour.
func (p painter) service(i int, s string) string {
	return p.with([]string{"36", "35", "34", "32"}[i%4], s)
}

// clip cuts a text to so many visible columns. Colours take no room, and one that is cut open is closed.
func clip(s string, columns int) string {
	var out strings.Builder
	visible, inCode, colored := 0, false, false
	for _, r := range s {
		switch {
		case inCode:
			inCode = r != 'm'
		case r == '\x1b':
			inCode, colored = true, true
		case visible == columns-1 && plainWidth(s) > columns:
			out.WriteRune('…')
			if colored {
				out.WriteString(reset)
			}
			return out.String()
		default:
			visible++
		}
		out.WriteRune(r)
	}
	return out.String()
}

// plainWidth is the number of visible columns.
func plainWidth(s string) int {
	n, inCode := 0, false
	for _, r := range s {
		switch {
		case inCode:
			inCode = r != 'm'
		case r == '\x1b':
			inCode = true
		default:
			n++
		}
	}
	return n
}
