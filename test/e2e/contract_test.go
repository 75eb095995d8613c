package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/driftsentry/driftsentry/test/internal/registry"
)

// docs/telemetry.md is a contract: what the services emit is in it, and what is in it is emitted. Each row says where
// it is seen: `run` means in TestMainJob; the name of another test of this package, in that test; and `path TestName`,
// in a test of another package, which must exist.

// row is one line of a table in docs/telemetry.md.
type row struct {
	name    string
	kind    string // a metric's type, a span's kind
	details []string
	seenIn  string
	pattern *regexp.Regexp
}

// contract is docs/telemetry.md, read.
type contract struct{ metrics, spans, fields []row }

func readContract(t *testing.T) contract {
	t.Helper()
	text, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	var c contract
	section, columns := "", []string(nil)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section, columns = heading, nil
			continue
		}
		if !strings.HasPrefix(line, "|") {
			columns = nil
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case columns == nil:
			columns = cells
			continue
		case strings.HasPrefix(cells[0], "---"):
			continue
		case len(cells) != len(columns):
			t.Fatalf("docs/telemetry.md: a row has %d cells under %d headings: %s", len(cells), len(columns), line)
		}
		cell := func(heading string) string {
			if i := slices.Index(columns, heading); i >= 0 {
				return cells[i]
			}
			t.Fatalf("docs/telemetry.md: a table in %q has no column %q", section, heading)
			return ""
		}
		switch section {
		case "Metrics":
			c.metrics = append(c.metrics, row{name: code(cell("Metric")), kind: cell("Type"), details: codes(cell("Labels")), seenIn: code(cell("Seen in"))})
		case "Spans":
			c.spans = append(c.spans, row{name: code(cell("Span")), kind: cell("Kind"), details: codes(cell("Attributes")), seenIn: code(cell("Seen in"))})
		case "Log fields":
			c.fields = append(c.fields, row{name: code(cell("Field")), seenIn: code(cell("Seen in"))})
		}
	}
	for _, rows := range [][]row{c.spans, c.fields} {
		for i := range rows {
			rows[i].pattern = pattern(rows[i].name)
		}
	}
	if len(c.metrics) == 0 || len(c.spans) == 0 || len(c.fields) == 0 {
		t.Fatal("docs/telemetry.md has no table of metrics, spans or log fields")
	}
	return c
}

func code(cell string) string { return strings.Trim(cell, "`") }

var backticked = regexp.MustCompile("`([^`]+)`")

func codes(cell string) []string {
	var all []string
	for _, m := range backticked.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// pattern makes a name with placeholders match real names: {WORD} is one in capitals, {word} one without spaces,
// {words…} several.
func pattern(name string) *regexp.Regexp {
	var b strings.Builder
	b.WriteByte('^')
	for at := 0; at < len(name); {
		next := placeholder.FindStringIndex(name[at:])
		if next == nil {
			b.WriteString(regexp.QuoteMeta(name[at:]))
			break
		}
		b.WriteString(regexp.QuoteMeta(name[at : at+next[0]]))
		switch word := name[at+next[0]+1 : at+next[1]-1]; {
		case strings.HasSuffix(word, "…"):
			b.WriteString(`.+`)
		case strings.ToUpper(word) == word:
			b.WriteString(`[A-Z][A-Z0-9_]+`)
		default:
			b.WriteString(`\S+`)
		}
		at += next[1]
	}
	b.WriteByte('$')
	return regexp.MustCompile(b.String())
}

// seen is what the tests of this run saw, by top-level test: "metric name", "span kind name", "field name", and the
// labels and attributes of each.
var seen = struct {
	sync.Mutex
	byTest map[string]map[string]bool
}{byTest: map[string]map[string]bool{}}

func note(t *testing.T, what ...string) {
	t.Helper()
	seen.Lock()
	defer seen.Unlock()
	test, _, _ := strings.Cut(t.Name(), "/")
	if seen.byTest[test] == nil {
		seen.byTest[test] = map[string]bool{}
	}
	seen.byTest[test][strings.Join(what, " ")] = true
}

// scrape reads the metrics of a service at base, by name.
func scrape(t *testing.T, p *pair, service, base string) map[string]*dto.MetricFamily {
	t.Helper()
	a := p.client("").do(t.Context(), "GET", base+"/metrics", nil)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(a.body))
	if err != nil {
		t.Fatalf("%s metrics: %v", service, err)
	}
	return families
}

// checkMetrics looks at both services' metrics: each family and label must be in the contract.
func checkMetrics(t *testing.T, p *pair) {
	t.Helper()
	c, values := readContract(t), knownValues(t)
	for service, base := range map[string]string{"api": p.apiURL, "realtime": p.realtimeURL} {
		families := scrape(t, p, service, base)
		for name, family := range families {
			i := slices.IndexFunc(c.metrics, func(r row) bool { return r.name == name })
			if i < 0 {
				t.Errorf("docs/telemetry.md does not have the metric %s (%s) of %s: describe it in docs/telemetry/registry and run `make tables`", name, strings.ToLower(family.GetType().String()), service)
				continue
			}
			r := c.metrics[i]
			if kind := strings.ToLower(family.GetType().String()); kind != r.kind {
				t.Errorf("docs/telemetry.md says that %s is a %s, but it is a %s: correct docs/telemetry/registry", name, r.kind, kind)
			}
			for _, m := range family.GetMetric() {
				// A counter may be there from the start, and not have counted.
				counted := m.GetCounter() == nil || m.GetCounter().GetValue() > 0 || r.seenIn == "start"
				if counted {
					note(t, "metric", name)
				}
				for _, l := range m.GetLabel() {
					if !slices.Contains(r.details, l.GetName()) {
						t.Errorf("docs/telemetry.md does not have the label %s of %s", l.GetName(), name)
					}
					if all := values[name][l.GetName()]; all != nil && !slices.Contains(all, l.GetValue()) {
						t.Errorf("the registry does not have the value %q of the label %s of %s", l.GetValue(), l.GetName(), name)
					}
					if counted {
						note(t, "label", name, l.GetName())
					}
				}
			}
		}
	}
}

// knownValues are those of each metric's label, where the registry has all of them.
func knownValues(t *testing.T) map[string]map[string][]string {
	t.Helper()
	known := map[string]map[string][]string{}
	for _, m := range registry.All(t) {
		known[m.Exported(t)] = m.Annotations.Values
	}
	return known
}

// checkSignals looks at the spans and log lines of a run: each name, attribute and field must be in the contract.
func checkSignals(t *testing.T, p *pair) {
	t.Helper()
	c := readContract(t)
	unknown := map[string]bool{}
	for _, s := range p.sink.Spans() {
		i := slices.IndexFunc(c.spans, func(r row) bool { return r.kind == string(s.Kind) && r.pattern.MatchString(s.Name) })
		if i < 0 {
			unknown[fmt.Sprintf("the %s span %q of %s", s.Kind, s.Name, s.Service)] = true
			continue
		}
		r := c.spans[i]
		note(t, "span", r.kind, r.name)
		for attribute := range s.Attributes {
			if !slices.Contains(r.details, attribute) {
				unknown[fmt.Sprintf("the attribute %s of the span %s", attribute, r.name)] = true
			}
			note(t, "attribute", r.kind, r.name, attribute)
		}
	}
	for _, proc := range []*process{p.api, p.realtime} {
		for _, line := range proc.logs() {
			for field := range line {
				i := slices.IndexFunc(c.fields, func(r row) bool { return r.pattern.MatchString(field) })
				if i < 0 {
					unknown[fmt.Sprintf("the log field %s (on %q of %s)", field, line["msg"], proc.name)] = true
					continue
				}
				note(t, "field", c.fields[i].name)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(unknown)) {
		t.Errorf("docs/telemetry.md does not have %s: describe it in docs/telemetry/registry and run `make tables`", what)
	}
}
