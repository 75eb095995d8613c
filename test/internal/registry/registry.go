// Package registry reads docs/telemetry/registry, which describes every metric, span and log field of the services in the
// format of OpenTelemetry's schema registries. The Go descriptors and the tables of docs/telemetry.md are made from it.
package registry

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"go.yaml.in/yaml/v3"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// Dir is the folder of the registry, from the root of the checkout.
const Dir = "docs/telemetry/registry"

// Metric is one metric.
type Metric struct {
	ID          string      `yaml:"id"`
	Type        string      `yaml:"type"`
	Name        string      `yaml:"metric_name"`
	Instrument  string      `yaml:"instrument"` // counter, updowncounter, gauge or histogram
	Unit        string      `yaml:"unit"`
	Stability   string      `yaml:"stability"`
	Brief       string      `yaml:"brief"`
	Attributes  []Reference `yaml:"attributes"`
	Annotations Annotations `yaml:"annotations"`
}

// Reference names an attribute.
type Reference struct {
	Ref string `yaml:"ref"`
	// Level is empty for an attribute that every series has, else it says when one has it.
	Level any `yaml:"requirement_level"`
}

// Annotations are what we say of a metric and OpenTelemetry does not.
type Annotations struct {
	Code     string    `yaml:"code"`     // the package that gets the descriptor; "" when a library measures it
	Services []string  `yaml:"services"` // which of api and realtime have it
	SeenIn   string    `yaml:"seen_in"`  // run, or the test that shows it
	Buckets  []float64 `yaml:"buckets"`  // of a histogram
	// Values are all values of the one label of a counter, whose series then exist from the start.
	Values     map[string][]string `yaml:"values"`
	Prometheus string              `yaml:"prometheus"` // the name, where it does not come from OpenTelemetry
}

// Metrics are those of one file, such as "http".
func Metrics(t testing.TB, file string) []Metric {
	t.Helper()
	metrics := groups[Metric](t, file)
	for _, m := range metrics {
		if m.Type != "metric" || m.ID != "metric."+m.Name {
			t.Errorf("%s/%s.yaml: the group %q is not a metric, or its id is not metric. and its metric_name", Dir, file, m.ID)
		}
	}
	return metrics
}

// groups are those of a file, read strictly.
func groups[T any](t testing.TB, file string) []T {
	t.Helper()
	path := filepath.Join(doctable.Root(t), Dir, file+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		Groups []T `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&content); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return content.Groups
}

// All are the metrics of all files with tables.
func All(t testing.TB) []Metric {
	t.Helper()
	var all []Metric
	for _, file := range Files {
		all = append(all, Metrics(t, file)...)
	}
	return all
}

// Files have the metrics; each is a table of docs/telemetry.md.
var Files = []string{"http", "driftsentry", "database", "telemetry", "process"}

// Exported is the metric's name in Prometheus.
func (m Metric) Exported(t testing.TB) string {
	t.Helper()
	if m.Annotations.Prometheus != "" {
		return m.Annotations.Prometheus
	}
	kinds := map[string]otlptranslator.MetricType{
		"counter": otlptranslator.MetricTypeMonotonicCounter, "updowncounter": otlptranslator.MetricTypeNonMonotonicCounter,
		"gauge": otlptranslator.MetricTypeGauge, "histogram": otlptranslator.MetricTypeHistogram,
	}
	kind, ok := kinds[m.Instrument]
	if !ok {
		t.Fatalf("%s: there is no instrument %q", m.ID, m.Instrument)
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
	if err != nil {
		t.Fatalf("%s: %v", m.ID, err)
	}
	return name
}

// Labels are the attributes' names in Prometheus, in order.
func (m Metric) Labels() []string {
	labels := make([]string, len(m.Attributes))
	for i, a := range m.Attributes {
		labels[i] = strings.ReplaceAll(a.Ref, ".", "_")
	}
	slices.Sort(labels)
	return labels
}

// Attributes are the names that attributes.yaml describes.
func Attributes(t testing.TB) map[string]bool {
	t.Helper()
	var content struct {
		Groups []struct {
			Attributes []struct {
				ID string `yaml:"id"`
			} `yaml:"attributes"`
		} `yaml:"groups"`
	}
	text, err := os.ReadFile(filepath.Join(doctable.Root(t), Dir, "attributes.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &content)
	}
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, g := range content.Groups {
		for _, a := range g.Attributes {
			described[a.ID] = true
		}
	}
	return described
}
