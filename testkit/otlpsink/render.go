package otlpsink

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// RenderOptions say what the terminal can show.
type RenderOptions struct {
	Color bool
	// Width is the number of columns; the default is 120.
	Width int
}

const (
	defaultWidth = 120
	barWidth     = 20
	// numbersWidth is what stands right of the tree: the start, the duration and the bar.
	numbersWidth = 2 + 9 + 2 + 9 + 2 + barWidth
)

// Render writes the trace as a tree: a line per span with its service, kind, start, duration and place in the whole,
// and below it what went wrong, its links and its log records.
func (t Trace) Render(w io.Writer, opts RenderOptions) error {
	r := &renderer{
		paint: palette(opts.Color), width: max(cmp.Or(opts.Width, defaultWidth), 60),
		byParent: map[string][]Span{}, logs: map[string][]Log{},
		known: map[string]bool{}, seen: map[string]bool{}, colors: map[string]int{},
	}
	r.read(t)
	r.header(t)
	for i, span := range r.roots {
		r.span(span, "", "", i > 0)
	}
	// Spans whose parents lead in a circle hang below no root.
	for _, span := range t.Spans {
		if !r.seen[span.SpanID] {
			r.span(span, "", "", true)
		}
	}
	r.strayLogs()
	_, err := io.WriteString(w, r.out.String())
	return err
}

type renderer struct {
	out      strings.Builder
	paint    painter
	width    int
	start    time.Time
	total    time.Duration
	roots    []Span
	byParent map[string][]Span
	logs     map[string][]Log // by span
	known    map[string]bool
	seen     map[string]bool
	colors   map[string]int // by service, in order of appearance
}

// read finds out who is below whom, and when the whole began and ended.
func (r *renderer) read(t Trace) {
	var end time.Time
	for _, s := range t.Spans {
		r.known[s.SpanID] = true
		if r.start.IsZero() || s.Start.Before(r.start) {
			r.start = s.Start
		}
		if s.End.After(end) {
			end = s.End
		}
		if _, ok := r.colors[s.Service]; !ok {
			r.colors[s.Service] = len(r.colors)
		}
	}
	r.total = end.Sub(r.start)
	for _, s := range t.Spans {
		if r.known[s.ParentID] {
			r.byParent[s.ParentID] = append(r.byParent[s.ParentID], s)
		} else {
			r.roots = append(r.roots, s)
		}
	}
	for _, l := range t.Logs {
		id := l.SpanID
		if !r.known[id] {
			id = ""
		}
		r.logs[id] = append(r.logs[id], l)
	}
}

func (r *renderer) header(t Trace) {
	parts := []string{count(len(t.Spans), "span"), count(len(t.Logs), "log line"), count(len(r.colors), "service"), duration(r.total)}
	fmt.Fprintf(&r.out, "%s %s  %s\n\n", r.paint.bold("trace"), t.ID, r.paint.dim(strings.Join(parts, ", ")))
}

// span writes one span and what hangs below it. lead stands before its own line, below before the lines under it.
func (r *renderer) span(s Span, lead, below string, gap bool) {
	if r.seen[s.SpanID] {
		return
	}
	r.seen[s.SpanID] = true
	if gap && lead == "" {
		r.out.WriteByte('\n')
	}
	r.spanLine(s, lead)

	var children []Span
	for _, child := range r.byParent[s.SpanID] {
		if !r.seen[child.SpanID] {
			children = append(children, child)
		}
	}
	rail := "   "
	if len(children) > 0 {
		rail = "│  "
	}
	if s.ParentID != "" && !r.known[s.ParentID] {
		r.note(below+rail, r.paint.dim("below span "+s.ParentID+", which did not come here"))
	}
	for _, link := range s.Links {
		r.note(below+rail, r.paint.dim("linked to trace "+link.TraceID+", span "+link.SpanID))
	}
	if s.StatusMessage != "" {
		r.note(below+rail, r.paint.red(clean(s.StatusMessage)))
	}
	for _, e := range s.Events {
		paint := r.paint.dim
		if e.Name == "exception" {
			paint = r.paint.red
		}
		r.note(below+rail, paint(eventText(e)))
	}
	for _, l := range r.logs[s.SpanID] {
		r.note(below+rail, r.logText(l))
	}
	for i, child := range children {
		branch, under := "├─ ", "│  "
		if i == len(children)-1 {
			branch, under = "└─ ", "   "
		}
		r.span(child, below+branch, below+under, false)
	}
}

// spanLine is: tree, name, service, kind, then start, duration and bar in columns.
func (r *renderer) spanLine(s Span, lead string) {
	label := cmp.Or(clean(s.Service), "?") + " " + string(s.Kind)
	if code, ok := s.Attributes["http.response.status_code"]; ok {
		label += fmt.Sprintf(" %v", code)
	}
	room := max(r.width-numbersWidth-width(lead)-2-width(label), 10)
	name := clip(clean(s.Name), room)
	pad := strings.Repeat(" ", max(0, room-width(name)))
	paintName := r.paint.bold
	if s.Status == StatusError {
		paintName = r.paint.red
	}
	offset := s.Start.Sub(r.start)
	fmt.Fprintf(&r.out, "%s%s  %s%s  %9s  %9s  %s\n", r.paint.dim(lead), paintName(name),
		r.paint.service(r.colors[s.Service], label), pad,
		r.paint.dim(fmt.Sprintf("%9s", "+"+duration(offset))), duration(s.Duration()),
		r.paint.service(r.colors[s.Service], r.bar(offset, s.Duration())))
}

// bar shows where in the whole the span lies.
func (r *renderer) bar(offset, length time.Duration) string {
	if r.total <= 0 {
		return strings.Repeat("━", barWidth)
	}
	from := min(int(float64(offset)/float64(r.total)*barWidth), barWidth-1)
	size := min(max(int(float64(length)/float64(r.total)*barWidth+0.5), 1), barWidth-from)
	return strings.Repeat(" ", from) + strings.Repeat("━", size)
}

// note is a line under a span; it is cut rather than wrapped, so that the tree stays a tree.
func (r *renderer) note(lead, text string) {
	fmt.Fprintf(&r.out, "%s%s\n", r.paint.dim(lead), clip(text, r.width-width(lead)))
}

func (r *renderer) logText(l Log) string {
	var text strings.Builder
	level := strings.ToLower(cmp.Or(clean(l.Severity), "log"))
	switch {
	case l.SeverityNumber >= 17:
		level = r.paint.red(level)
	case l.SeverityNumber >= 13:
		level = r.paint.yellow(level)
	default:
		level = r.paint.green(level)
	}
	fmt.Fprintf(&text, "%s %s %s", r.paint.dim(l.Time.Format("15:04:05.000")), level, clean(l.Body))
	if fields := fieldsText(l.Attributes); fields != "" {
		text.WriteString(" " + r.paint.dim(fields))
	}
	return text.String()
}

func (r *renderer) strayLogs() {
	if len(r.logs[""]) == 0 {
		return
	}
	r.out.WriteString("\n" + r.paint.dim("log lines whose span did not come here") + "\n")
	for _, l := range r.logs[""] {
		r.note("   ", r.paint.dim(cmp.Or(clean(l.Service), "?")+" ")+r.logText(l))
	}
}

func eventText(e Event) string {
	if kind, ok := e.Attributes["exception.type"]; ok {
		return clean(fmt.Sprintf("%s: %v: %v", e.Name, kind, e.Attributes["exception.message"]))
	}
	return strings.TrimSpace(clean(e.Name) + " " + fieldsText(e.Attributes))
}

func fieldsText(attributes map[string]any) string {
	fields := make([]string, 0, len(attributes))
	for key, value := range attributes {
		fields = append(fields, clean(fmt.Sprintf("%s=%v", key, value)))
	}
	// What is short says most in a line that may be cut; what is long is nearly always an ID.
	slices.SortFunc(fields, func(a, b string) int {
		return cmp.Or(compareBool(len(a) > longField, len(b) > longField), strings.Compare(a, b))
	})
	return strings.Join(fields, " ")
}

// longField is longer than a name with a number, and shorter than one with a UUID or a trace ID.
const longField = 36

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// duration has three digits that mean something: 340µs, 12.3ms, 1.24s.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
}

// clean keeps what a client sent from moving the cursor or colouring the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

func width(s string) int { return utf8.RuneCountInString(s) }
