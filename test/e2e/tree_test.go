package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/driftsentry/driftsentry/pkg/otlpsink"
)

var update = flag.Bool("update", false, "write the golden trees anew")

// tree draws a trace as its structure: kinds, names, services, parents, links and errors, and nothing that differs from
// run to run. caller is the span ID of the caller's own span, which is not in the sink.
func tree(trace otlpsink.Trace, caller string) string {
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

// golden compares a tree with the one that is kept in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".tree")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\n(run the test with -update to write it)\n%s", err, got)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the trace %s is not what testdata/%s.tree says (-want +got):\n%s", name, name, diff)
	}
}
