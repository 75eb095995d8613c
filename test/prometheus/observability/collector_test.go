package observability

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// mib is 1 MiB.
const mib = 1 << 20

// Whatever comes in is limited before work is done for it, except metrics, which must go on when telemetry floods. What a service
// says about itself is redacted once more, and is exported through a queue on disk in batches of bytes, which every store takes.
// A batch that is refused for long is given up.
func TestCollector(t *testing.T) {
	type receiver struct {
		Protocols struct {
			GRPC struct {
				MaxMiB int `yaml:"max_recv_msg_size_mib"`
			}
		}
	}
	type exporter struct {
		Queue struct {
			Enabled bool
			Storage string
			Sizer   string
			Size    int `yaml:"queue_size"`
			Batch   struct {
				MaxSize int `yaml:"max_size"`
			}
		} `yaml:"sending_queue"`
		Retry struct {
			Enabled    bool
			MaxElapsed string `yaml:"max_elapsed_time"`
		} `yaml:"retry_on_failure"`
	}
	var config struct {
		Extensions map[string]any
		Processors struct {
			Limiter struct {
				Limit int `yaml:"limit_mib"`
				Spike int `yaml:"spike_limit_mib"`
			} `yaml:"memory_limiter"`
		}
		Receivers struct{ OTLP receiver }
		Exporters map[string]exporter
		Service   struct {
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
		if strings.HasPrefix(name, "metrics/") {
			if slices.Contains(p.Processors, "memory_limiter") {
				t.Errorf("%s: a flood of spans or log lines would make it refuse metrics", name)
			}
			continue
		}
		if p.Processors[0] != "memory_limiter" {
			t.Errorf("%s: the first processor is %s", name, p.Processors[0])
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
			if x.Queue.Sizer != "bytes" || x.Queue.Size > 512*mib || x.Queue.Batch.MaxSize == 0 || x.Queue.Batch.MaxSize > 3*mib {
				t.Errorf("%s: the batches of %s are not bounded in bytes: %+v", name, e, x.Queue)
			}
			if end, err := time.ParseDuration(x.Retry.MaxElapsed); err != nil || !x.Retry.Enabled || end < time.Minute || end > time.Hour {
				t.Errorf("%s: %s gives up too early or too late: %+v", name, e, x.Retry)
			}
		}
	}
	var compose struct {
		Services map[string]struct {
			Environment any
		}
	}
	shipped.YAML(t, shipped.Deploy+"/../docker-compose.prod.yml", &compose)
	environment, _ := compose.Services["otel-collector"].Environment.(map[string]any)
	goLimit, err := strconv.Atoi(strings.TrimSuffix(fmt.Sprint(environment["GOMEMLIMIT"]), "MiB"))
	if refused := config.Processors.Limiter.Limit - config.Processors.Limiter.Spike; err != nil || goLimit >= refused {
		t.Errorf("GOMEMLIMIT is %v, but the limiter refuses from %d MiB on, before garbage is collected (%v)", environment["GOMEMLIMIT"], refused, err)
	}

	var loki struct {
		Server struct {
			GRPC int `yaml:"grpc_server_max_recv_msg_size"`
		}
	}
	shipped.YAML(t, shipped.Deploy+"/loki/loki.yaml", &loki)
	var tempo struct {
		Distributor struct{ Receivers struct{ OTLP receiver } }
	}
	shipped.YAML(t, shipped.Deploy+"/tempo/tempo.yaml", &tempo)
	for what, limit := range map[string]int{
		"the collector takes": config.Receivers.OTLP.Protocols.GRPC.MaxMiB, "Tempo takes": tempo.Distributor.Receivers.OTLP.Protocols.GRPC.MaxMiB,
		"Loki hands on": loki.Server.GRPC / mib,
	} {
		if limit != 16 {
			t.Errorf("%s %d MiB, not 16", what, limit)
		}
	}
	for _, name := range []string{"traces", "logs", "metrics/postgres", "metrics/host"} {
		if len(config.Service.Pipelines[name].Exporters) == 0 {
			t.Errorf("there is no pipeline %s", name)
		}
	}
}

// The second configuration of the collector samples at the end of the pipeline, and leaves out no step of the first.
func TestCollector_sampling(t *testing.T) {
	type config struct {
		Service struct {
			Pipelines map[string]struct{ Processors []string }
		}
	}
	var first, second config
	shipped.YAML(t, shipped.Deploy+"/otel-collector/config.yaml", &first)
	shipped.YAML(t, shipped.Deploy+"/otel-collector/sampling.yaml", &second)
	want := append(slices.Clone(first.Service.Pipelines["traces"].Processors), "tail_sampling")
	if got := second.Service.Pipelines["traces"].Processors; !slices.Equal(got, want) {
		t.Errorf("the steps are %v, want %v", got, want)
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

// What the collector masks by its shape, it finds without reading each byte slowly: a batch of 3 MiB takes a second with one pattern that
// does not begin with plain characters.
//
// Mutation: \b or (?i) before a pattern; a pattern less.
func TestCollector_blocked_values(t *testing.T) {
	var config struct {
		Processors struct {
			Redaction struct {
				Values []string `yaml:"blocked_values"`
			}
		}
	}
	shipped.YAML(t, shipped.Deploy+"/otel-collector/config.yaml", &config)
	patterns := make([]*regexp.Regexp, len(config.Processors.Redaction.Values))
	for i, text := range config.Processors.Redaction.Values {
		patterns[i] = regexp.MustCompile(text)
		if prefix, _ := patterns[i].LiteralPrefix(); len(prefix) < 2 {
			t.Errorf("%s begins with %q alone", text, prefix)
		}
	}
	const random = "abcdefghijklmnopqrstuvwxyz0123456789_ABCDEFG"
	for _, secret := range []string{
		"eyJhbGciOiJIUzI1NiJ9." + random + "." + random, "Authorization: Bearer " + random, "authorization: bearer " + random, "BEARER " + random,
		"ds_" + random, "dsr_" + random, "dss_" + random, "AKIA" + "ABCDEFGH01234567", "postgres://user:" + random + "@db/x",
	} {
		if !slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString("see " + secret) }) {
			t.Errorf("nothing masks %s", secret)
		}
	}
}
