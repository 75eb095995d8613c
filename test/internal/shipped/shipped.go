// Package shipped reads the files that an SRE relies on: dashboards, rules, data sources, runbooks.
package shipped

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/driftsentry/driftsentry/testkit/checkout"
)

// Deploy is the folder of the shipped configuration, docs the folder of its documents.
var (
	Deploy = filepath.Join(root(), "deploy")
	docs   = filepath.Join(root(), "docs")
)

func root() string {
	dir, err := checkout.Root()
	if err != nil {
		panic(err)
	}
	return dir
}

// Files are those that a pattern matches, of which there must be some.
func Files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(list), err)
	}
	return list
}

// Text is the content of a file.
func Text(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// YAML reads a file.
func YAML(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(Text(t, file)), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Group is a group of Prometheus rules.
type Group struct {
	Name  string
	Rules []struct {
		Record, Alert, Expr, For string
		Labels, Annotations      map[string]string
	}
}

// Where rules run: what is in the folder of a place is for it alone, all others hold everywhere.
const (
	Compose    = "compose"
	Kubernetes = "kubernetes"
)

// RuleFiles are those that a place loads.
func RuleFiles(t *testing.T, place string) []string {
	t.Helper()
	files := Files(t, filepath.Join(Deploy, "prometheus/rules/*.yml"))
	if place == Kubernetes { // tools/kubernetes-rules
		return files
	}
	return append(files, Files(t, filepath.Join(Deploy, "prometheus/rules", place, "*.yml"))...)
}

// Jobs are the names of what a place lets Prometheus scrape.
func Jobs(t *testing.T, place string) (names []string) {
	t.Helper()
	if place == Compose {
		var config struct {
			Jobs []struct {
				Name string `yaml:"job_name"`
			} `yaml:"scrape_configs"`
		}
		YAML(t, filepath.Join(Deploy, "prometheus/prometheus.yml"), &config)
		for _, job := range config.Jobs {
			names = append(names, job.Name)
		}
		return names
	}
	// A job is named by the ServiceMonitor after the label of each Service, and by each Probe.
	for _, file := range []string{"base/api.yaml", "base/realtime.yaml", "base/monitor.yaml", "overlays/production/probe.yaml"} {
		documents := yaml.NewDecoder(strings.NewReader(Text(t, filepath.Join(Deploy, "kubernetes", file))))
		for {
			var object struct {
				Kind     string
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					JobLabel string `yaml:"jobLabel"`
					JobName  string `yaml:"jobName"`
				}
			}
			if err := documents.Decode(&object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			switch name := object.Metadata.Labels["app.kubernetes.io/name"]; {
			case object.Kind == "Service" && name != "":
				names = append(names, name)
			case object.Kind == "ServiceMonitor" && object.Spec.JobLabel != "app.kubernetes.io/name":
				t.Fatalf("the ServiceMonitor names jobs after %q", object.Spec.JobLabel)
			case object.Kind == "Probe" && !slices.Contains(names, object.Spec.JobName):
				names = append(names, object.Spec.JobName)
			}
		}
	}
	return names
}

// Groups are those of all rule files: compose loads every one.
func Groups(t *testing.T) []Group {
	t.Helper()
	return GroupsOf(t, Compose)
}

// GroupsOf are those that a place loads.
func GroupsOf(t *testing.T, place string) []Group {
	t.Helper()
	var all []Group
	for _, file := range RuleFiles(t, place) {
		var content struct{ Groups []Group }
		YAML(t, file, &content)
		all = append(all, content.Groups...)
	}
	return all
}

// Dashboard is what Grafana shows.
type Dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name  string
			Query struct{ Query string }
		}
	}
	Annotations struct{ List []struct{ Name, Expr string } }
	Panels      []Panel
}

// Panel is one panel of a dashboard; a row has no targets.
type Panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int } // in the page of 24 columns
	FieldConfig              struct {
		Defaults struct {
			Unit, NoValue string
			Thresholds    *struct{ Steps []any }
		}
	}
	Targets []Target
}

// Target is a query of a panel: Expr for Prometheus and Loki, Query for Tempo.
type Target struct {
	RefID, Expr, Query, QueryType string
	Instant                       bool
	Datasource                    struct{ Type, UID string }
}

// Dashboards are all of them.
func Dashboards(t *testing.T) []Dashboard {
	t.Helper()
	var all []Dashboard
	for _, file := range Files(t, filepath.Join(Deploy, "grafana/dashboards/*.json")) {
		var d Dashboard
		if err := json.Unmarshal([]byte(Text(t, file)), &d); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		all = append(all, d)
	}
	return all
}

// Datasource is where Grafana gets data from, with the links to the other ones.
type Datasource struct {
	UID, Type, URL string
	JSONData       struct {
		Exemplars []struct {
			Name          string
			DatasourceUID string `yaml:"datasourceUid"`
		} `yaml:"exemplarTraceIdDestinations"`
		TracesToLogs struct {
			DatasourceUID string `yaml:"datasourceUid"`
			Tags          []Tag
			Query         string
		} `yaml:"tracesToLogsV2"`
		TracesToMetrics struct {
			DatasourceUID string `yaml:"datasourceUid"`
			Tags          []Tag
			Queries       []struct{ Name, Query string }
		} `yaml:"tracesToMetrics"`
		TracesToProfiles struct {
			DatasourceUID string `yaml:"datasourceUid"`
			ProfileTypeID string `yaml:"profileTypeId"`
			Tags          []Tag
		} `yaml:"tracesToProfiles"`
		ServiceMap struct {
			DatasourceUID string `yaml:"datasourceUid"`
		} `yaml:"serviceMap"`
		DerivedFields []DerivedField `yaml:"derivedFields"`
	} `yaml:"jsonData"`
}

// DerivedField is a link that a log line has: to a URL, or to the query of a data source.
type DerivedField struct {
	Name          string
	MatcherType   string `yaml:"matcherType"`
	MatcherRegex  string `yaml:"matcherRegex"`
	DatasourceUID string `yaml:"datasourceUid"`
	URL           string
}

// Tag maps an attribute of a span to a label of another signal.
type Tag struct{ Key, Value string }

// Datasources are those by UID.
func Datasources(t *testing.T) map[string]Datasource {
	t.Helper()
	var file struct{ Datasources []Datasource }
	YAML(t, filepath.Join(Deploy, "grafana/provisioning/datasources/datasources.yaml"), &file)
	all := map[string]Datasource{}
	for _, d := range file.Datasources {
		all[d.UID] = d
	}
	return all
}

// Runbooks are the pages by the alert's name.
func Runbooks(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, file := range Files(t, filepath.Join(docs, "runbooks/*.md")) {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); name != "README" {
			pages[name] = Text(t, file)
		}
	}
	return pages
}

// Queries are those of a runbook's first look below a heading: "Prometheus:", "TraceQL:" or "Loki:".
func Queries(runbook, heading string) []string {
	_, look, _ := strings.Cut(runbook, heading+"\n\n")
	var all []string
	for line := range strings.Lines(look) {
		query, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		all = append(all, strings.TrimSpace(query))
	}
	return all
}

var emptyRow = regexp.MustCompile(`(?m)^\| ([^|]+): ([^|]+?)(?: \(([A-Z, ]+)\))? \| [^|]+ \|$`)

// MayBeEmpty are the queries of panels ("dashboard: panel: letter") that docs/observability.md lists as those that may be
// empty, each with its reason.
func MayBeEmpty(t *testing.T) map[string]bool {
	t.Helper()
	_, section, _ := strings.Cut(Text(t, filepath.Join(docs, "observability.md")), "\n| Panel | Empty when |\n|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n")
	all := map[string]bool{}
	for _, row := range emptyRow.FindAllStringSubmatch(section, -1) {
		letters := row[3]
		if letters == "" {
			letters = "A"
		}
		for letter := range strings.SplitSeq(letters, ", ") {
			all["DriftSentry / "+row[1]+": "+row[2]+": "+letter] = true
		}
	}
	if len(all) == 0 {
		t.Fatal("docs/observability.md does not list the panels that may be empty")
	}
	return all
}
