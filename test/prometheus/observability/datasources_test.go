package observability

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/registry"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// dollar is a $ that Grafana does not take for a variable of its environment.
var dollar = regexp.MustCompile(`(^|[^$])\$([^$]|$)`)

// Each link leads to a data source that is there, and starts from an attribute or a field that the services emit.
func TestDatasources_links(t *testing.T) {
	sources := shipped.Datasources(t)
	attributes := map[string]bool{"service.name": true, "trace_id": true}
	for _, s := range registry.Spans(t) {
		for _, a := range s.Attributes {
			attributes[a.Ref] = true
		}
	}
	for _, f := range registry.Fields(t) {
		attributes[f.ID+f.Ref] = true
	}
	label := strings.NewReplacer(".", "_")
	known := map[string]bool{}
	for name := range attributes {
		known[label.Replace(name)] = true
	}
	tempo, loki := sources["tempo"].JSONData, sources["loki"].JSONData
	target := func(from, uid, kind string) {
		if sources[uid].Type != kind {
			t.Errorf("%s leads to %q, which is no data source of type %s", from, uid, kind)
		}
	}
	target("a span's link to logs", tempo.TracesToLogs.DatasourceUID, "loki")
	target("a span's link to metrics", tempo.TracesToMetrics.DatasourceUID, "prometheus")
	target("a span's link to its profile", tempo.TracesToProfiles.DatasourceUID, "grafana-pyroscope-datasource")
	target("the service graph", tempo.ServiceMap.DatasourceUID, "prometheus")
	for _, tag := range slices.Concat(tempo.TracesToLogs.Tags, tempo.TracesToMetrics.Tags, tempo.TracesToProfiles.Tags) {
		if !attributes[tag.Key] {
			t.Errorf("a span's link needs the attribute %q, which no span has", tag.Key)
		}
	}
	// Its parts are those of Pyroscope's name for Go's profile of the processor: Grafana shows nothing for another.
	if id := tempo.TracesToProfiles.ProfileTypeID; id != "process_cpu:cpu:nanoseconds:cpu:nanoseconds" {
		t.Errorf("the type of profiles is %q", id)
	}
	if !attributes["pyroscope.profile.id"] {
		t.Error("no span has pyroscope.profile.id, without which Grafana has no link to a profile")
	}
	for _, field := range loki.DerivedFields {
		if field.MatcherType != "label" || !known[field.MatcherRegex] {
			t.Errorf("the link %s starts from the %s %q, which no line has", field.Name, field.MatcherType, field.MatcherRegex)
		}
		target("the link "+field.Name, field.DatasourceUID, field.DatasourceUID)
		if dollar.MatchString(field.URL) {
			t.Errorf("the link %s has a single $: %s", field.Name, field.URL)
		}
	}
	// A browser must not reach the metrics port, not even by Grafana's proxy: links show a command instead.
	for uid, source := range sources {
		if strings.Contains(source.URL, "9090") && uid != "prometheus" {
			t.Errorf("the data source %s is at %s", uid, source.URL)
		}
	}
}

// Grafana asks Prometheus for what the version in its configuration can do.
func TestDatasources_version(t *testing.T) {
	var compose struct {
		Services map[string]struct{ Image string }
	}
	shipped.YAML(t, shipped.Deploy+"/../docker-compose.prod.yml", &compose)
	_, version, _ := strings.Cut(compose.Services["prometheus"].Image, ":v")
	version, _, _ = strings.Cut(version, "@")
	if expected := shipped.Datasources(t)["prometheus"].JSONData.PrometheusVersion; expected != version || version == "" {
		t.Errorf("the data source expects Prometheus %q, and the image has %q", expected, version)
	}
}

// From an access line with an execution trace, Grafana leads to the command that fetches it.
func TestDatasources_execution_trace(t *testing.T) {
	fields := shipped.Datasources(t)["loki"].JSONData.DerivedFields
	i := slices.IndexFunc(fields, func(f shipped.DerivedField) bool { return f.MatcherRegex == "driftsentry_execution_trace" })
	if i < 0 {
		t.Fatal("there is no link")
	}
	selector, format, found := strings.Cut(fields[i].URL, "| line_format ")
	if !found || !strings.Contains(selector, "driftsentry_execution_trace = `$${__value.raw}`") || strings.Count(format, "`") != 2 {
		t.Errorf("%s", fields[i].URL)
	}
	for _, command := range []string{
		`exec -T prometheus wget -q -O - http://{{ trimPrefix "driftsentry-" .service_name }}:9090{{ .driftsentry_execution_trace }} > slow.trace`,
		`port-forward pod/{{ .service_instance_id }} 9090:9090`,
	} {
		if !strings.Contains(format, command) {
			t.Errorf("it does not say %q: %s", command, format)
		}
	}
}
