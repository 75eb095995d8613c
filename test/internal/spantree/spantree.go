// Package spantree draws a trace so that it can be compared with one that is kept.
package spantree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// Draw draws a trace as its structure: kinds, names, services, parents, links and errors, and nothing that differs from
// run to run. caller is the span ID of the caller's own span, which is not among the spans.
func Draw(trace otlpsink.Trace, caller string) string {
	children := map[string][]otlpsink.Span{}
	known := map[string]bool{}
	for _, s := range trace.Spans {
		children[s.ParentID] = append(children[s.ParentID], s)
		known[s.SpanID] = true
	}
	var b strings.Builder
	var draw func(s otlpsink.Span, depth int)
	draw = func(s otlpsink.Span, depth int) {
		fmt.Fprintf(&b, "%s%s %q %s", strings.Repeat("  ", depth), s.Kind, s.Name, s.Service)
		if route, ok := s.Attributes["http.route"]; ok {
			fmt.Fprintf(&b, " route=%v", route)
		}
		for range s.Links {
			b.WriteString(" +link")
		}
		if s.Status == otlpsink.StatusError {
			b.WriteString(" error")
		}
		b.WriteByte('\n')
		next := children[s.SpanID]
		slices.SortStableFunc(next, func(a, b otlpsink.Span) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Name, b.Name))
		})
		for _, c := range next {
			draw(c, depth+1)
		}
	}
	roots := children[""]
	if caller != "" {
		b.WriteString("caller\n")
		roots = children[caller]
	}
	depth := min(len(caller), 1)
	for _, s := range roots {
		draw(s, depth)
	}
	for _, s := range trace.Spans {
		if s.ParentID != "" && s.ParentID != caller && !known[s.ParentID] {
			fmt.Fprintf(&b, "ORPHAN %s %q %s\n", s.Kind, s.Name, s.Service)
		}
		if s.ParentID == "" && caller != "" {
			fmt.Fprintf(&b, "SECOND ROOT %s %q %s\n", s.Kind, s.Name, s.Service)
		}
	}
	return b.String()
}
