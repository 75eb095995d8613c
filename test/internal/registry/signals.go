package registry

import (
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// Span is one kind of span.
type Span struct {
	ID          string      `yaml:"id"`
	Type        string      `yaml:"type"`
	Kind        string      `yaml:"span_kind"`
	Stability   string      `yaml:"stability"`
	Brief       string      `yaml:"brief"`
	Attributes  []Reference `yaml:"attributes"`
	Annotations struct {
		Name     string   `yaml:"name"`     // a pattern, if it has braces
		Services []string `yaml:"services"` // which of api and realtime have it
		SeenIn   string   `yaml:"seen_in"`  // run, or the test that shows it
	} `yaml:"annotations"`
}

// Field is one field of log lines: described here, or a Ref to what is described elsewhere.
type Field struct {
	ID          string `yaml:"id"`
	Ref         string `yaml:"ref"`
	Type        string `yaml:"type"`
	Stability   string `yaml:"stability"`
	Brief       string `yaml:"brief"`
	Annotations struct {
		JSON   string `yaml:"json"`    // the type in a line, of a Ref
		SeenIn string `yaml:"seen_in"` // run, or the test that shows it
	} `yaml:"annotations"`
}

// Spans are those of spans.yaml.
func Spans(t testing.TB) []Span {
	t.Helper()
	spans := groups[Span](t, "spans")
	for _, s := range spans {
		if s.Type != "span" || !strings.HasPrefix(s.ID, "span.driftsentry.") {
			t.Errorf("%s/spans.yaml: the group %q is not a span, or its id does not begin with span.driftsentry.", Dir, s.ID)
		}
	}
	return spans
}

// SpanTable is the table of spans in docs/telemetry.md.
func SpanTable(spans []Span) string {
	var table strings.Builder
	table.WriteString(doctable.Header("Span", "Kind", "Service", "Seen in", "Attributes", "Meaning"))
	for _, s := range spans {
		attributes := "–"
		if len(s.Attributes) > 0 {
			names := make([]string, len(s.Attributes))
			for i, a := range s.Attributes {
				names[i] = a.Ref
			}
			attributes = code(names...)
		}
		table.WriteString(doctable.Row(code(s.Annotations.Name), s.Kind, service(s.Annotations.Services), code(s.Annotations.SeenIn), attributes, s.Brief))
	}
	return table.String()
}

// Fields are those of fields.yaml.
func Fields(t testing.TB) []Field {
	t.Helper()
	var all []Field
	for _, g := range groups[struct {
		ID         string  `yaml:"id"`
		Type       string  `yaml:"type"`
		Brief      string  `yaml:"brief"`
		Attributes []Field `yaml:"attributes"`
	}](t, "fields") {
		all = append(all, g.Attributes...)
	}
	return all
}

// FieldTable is the table of log fields in docs/telemetry.md.
func FieldTable(t testing.TB, fields []Field) string {
	t.Helper()
	var table strings.Builder
	table.WriteString(doctable.Header("Field", "Type", "Seen in", "Meaning"))
	for _, f := range fields {
		kind := f.Type
		switch {
		case f.Ref != "":
			kind = f.Annotations.JSON
		case kind == "int" || kind == "double":
			kind = "number"
		}
		if (f.ID == "") == (f.Ref == "") || kind == "" {
			t.Errorf("%s/fields.yaml: the field %q needs either id and type, or ref and the annotation json", Dir, f.ID+f.Ref)
		}
		table.WriteString(doctable.Row(code(f.ID+f.Ref), kind, code(f.Annotations.SeenIn), f.Brief))
	}
	return table.String()
}

func service(services []string) string {
	if len(services) == 1 {
		return services[0]
	}
	return "both"
}
