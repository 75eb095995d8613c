package registry

import (
	"fmt"
	"go/format"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Packages are those that get descriptors, by their folder.
func Packages(metrics []Metric) map[string][]Metric {
	byFolder := map[string][]Metric{}
	for _, m := range metrics {
		if m.Annotations.Code != "" {
			byFolder[m.Annotations.Code] = append(byFolder[m.Annotations.Code], m)
		}
	}
	return byFolder
}

// Source is the Go file with the descriptors of these metrics.
func Source(t testing.TB, folder string, metrics []Metric) string {
	t.Helper()
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	fmt.Fprintf(&b, "// Code generated from %s by TestRegistry of test/prometheus/observability. DO NOT EDIT.\n\n", Dir)
	fmt.Fprintf(&b, "package %s\n\n", path.Base(folder))
	fmt.Fprintf(&b, "import %q\n\n", "github.com/driftsentry/driftsentry/pkg/telemetry/instrument")
	b.WriteString("// What the instruments are called and mean.\nvar (\n")
	for _, m := range metrics {
		kind, ok := map[string]string{
			"counter": "Counter", "updowncounter": "UpDownCounter", "gauge": "Gauge", "histogram": "Histogram",
		}[m.Instrument]
		if !ok {
			t.Fatalf("%s: there is no instrument %q", m.ID, m.Instrument)
		}
		fmt.Fprintf(&b, "%s = instrument.%s{Name: %q, Unit: %q, Description: %q", goName(m.Name), kind, m.Name, m.Unit, m.Brief)
		if len(m.Annotations.Buckets) > 0 {
			b.WriteString(", Buckets: []float64{")
			for _, bound := range m.Annotations.Buckets {
				b.WriteString(strconv.FormatFloat(bound, 'g', -1, 64) + ", ")
			}
			b.WriteString("}")
		}
		for label, values := range m.Annotations.Values {
			fmt.Fprintf(&b, ", Series: instrument.Each(%q, %s)", label, quoted(values))
		}
		if kind == "Counter" && len(m.Attributes) == 0 {
			b.WriteString(", Series: instrument.Alone()")
		}
		b.WriteString("}\n")
	}
	b.WriteString(")\n")
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		t.Fatalf("%s: %v\n%s", folder, err, b.String())
	}
	return string(source)
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = strconv.Quote(word)
	}
	return strings.Join(list, ", ")
}

// goName is the descriptor's name: driftsentry.alerts.raised is AlertsRaised.
func goName(metric string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.TrimPrefix(metric, "driftsentry."), func(r rune) bool { return r == '.' || r == '_' }) {
		switch word {
		case "db", "http":
			b.WriteString(strings.ToUpper(word))
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
