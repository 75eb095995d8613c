package observability

import (
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// Whatever comes in is limited before work is done for it; what a service says about itself is redacted once more, is
// exported through a queue on disk, and is never given up.
func TestCollector(t *testing.T) {
	type exporter struct {
		Queue struct {
			Enabled bool
			Storage string
			Size    int `yaml:"queue_size"`
		} `yaml:"sending_queue"`
		Retry struct {
			Enabled    bool
			MaxElapsed string `yaml:"max_elapsed_time"`
		} `yaml:"retry_on_failure"`
	}
	var config struct {
		Extensions map[string]any
		Exporters  map[string]exporter
		Service    struct {
			Extensions []string
			Pipelines  map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	shipped.YAML(t, shipped.Deploy+"/otel-collector/config.yaml", &config)
	for _, extension := range []string{"health_check", "file_storage"} {
		if !slices.Contains(config.Service.Extensions, extension) {
			t.Errorf("the extension %s does not run", extension)
		}
	}
	for name, p := range config.Service.Pipelines {
		if p.Processors[0] != "memory_limiter" {
			t.Errorf("%s: the first processor is %s", name, p.Processors[0])
		}
		if strings.HasPrefix(name, "metrics/") {
			continue
		}
		for _, processor := range []string{"redaction", "resourcedetection"} {
			if !slices.Contains(p.Processors, processor) {
				t.Errorf("%s: no %s", name, processor)
			}
		}
		for _, e := range p.Exporters {
			x := config.Exporters[e]
			if !x.Queue.Enabled || x.Queue.Storage != "file_storage" || x.Queue.Size == 0 {
				t.Errorf("%s: the queue of %s is %+v", name, e, x.Queue)
			}
			if !x.Retry.Enabled || x.Retry.MaxElapsed != "0s" {
				t.Errorf("%s: %s gives up: %+v", name, e, x.Retry)
			}
		}
	}
	for _, name := range []string{"traces", "logs", "metrics/postgres", "metrics/host"} {
		if len(config.Service.Pipelines[name].Exporters) == 0 {
			t.Errorf("there is no pipeline %s", name)
		}
	}
}

// The Alertmanager files with and without notifications differ only in their receivers.
func TestAlertmanagers(t *testing.T) {
	route := func(file string) string {
		_, text, _ := strings.Cut(shipped.Text(t, shipped.Deploy+"/alertmanager/"+file), "\nroute:\n")
		text, _, found := strings.Cut(text, "\nreceivers:\n")
		if !found {
			t.Fatalf("%s has no route before its receivers", file)
		}
		return text
	}
	if a, b := route("alertmanager.yml"), route("alertmanager.notify.yml"); a != b {
		t.Errorf("the routes differ:\n%s\n%s", a, b)
	}
}
