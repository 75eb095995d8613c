//go:build stack

package stack

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/localpg"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

// system is the whole of it: the five programs, Postgres with the roles of production, and both services.
type system struct {
	*overlay
	options
	collector, tempo, loki, prometheus, alertmanager *program
	api, realtime                                    *program
	environ                                          []string // of the services
	sentry                                           *sentrytest.Receiver
	cluster                                          *localpg.Cluster
	superuser                                        string // the URL of the database of the superuser
}

// options are what tests want otherwise.
type options struct {
	// alertmanagerFile is the one of deploy/alertmanager that runs; alertmanager.yml when empty.
	alertmanagerFile string
	// between gets the collector's address and returns the one that the services send to. Nil sends straight.
	between func(collector string) (address string)
	// secrets are files of the folder of secrets.
	secrets map[string]string
	// extra is added to the environment of the services.
	extra []string
	// smallDisks gives the stores small disks of their own.
	smallDisks bool
	// collectorConfig changes the collector's configuration, unless nil.
	collectorConfig func(s *system, config string) string
	// sampling is COLLECTOR_SAMPLING=sampling.yaml.
	sampling bool
}

func start(t *testing.T, opts options) *system {
	t.Helper()
	found := installed.Programs(t, "otelcol-contrib", "tempo", "loki", "prometheus", "alertmanager")
	dir, err := os.MkdirTemp("", "driftsentry-stack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres, which is not root, must get through.
		t.Fatal(err)
	}
	s := &system{overlay: &overlay{t: t, dir: dir, ports: map[string]int{}}, options: opts, sentry: sentrytest.Start(t)}
	for name, value := range opts.secrets {
		s.secret(name, value)
	}
	if opts.smallDisks {
		for _, d := range disks {
			mount(t, s.path(d.folder), d.size)
		}
	}
	s.startPostgres()

	s.tempo = run(t, dir, "tempo", os.Environ(), found["tempo"], "-config.file="+s.derive("tempo", "tempo/tempo.yaml"),
		"-memberlist.bind-port="+strconv.Itoa(s.port("tempo", 7946)))
	s.loki = run(t, dir, "loki", os.Environ(), found["loki"], "-config.file="+s.derive("loki", "loki/loki.yaml"))
	s.alertmanager = run(t, dir, "alertmanager", os.Environ(), found["alertmanager"],
		"--config.file="+s.derive("alertmanager", "alertmanager/"+cmp.Or(opts.alertmanagerFile, "alertmanager.yml")),
		"--storage.path="+s.path("alertmanager"), "--web.listen-address="+s.address("alertmanager", 9093), "--cluster.listen-address=")
	s.prometheus = run(t, dir, "prometheus", os.Environ(), found["prometheus"],
		"--config.file="+s.derivePrometheus(shipped.Compose), "--storage.tsdb.path="+s.path("prometheus"),
		"--web.listen-address="+s.address("prometheus", 9090), "--web.external-url=http://localhost", "--web.route-prefix=/",
		"--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage")
	s.collector = run(t, dir, "otel-collector", append(os.Environ(), "GOMEMLIMIT=160MiB"), found["otelcol-contrib"], s.collectorArgs()...)
	s.startServices()

	for _, p := range []*program{s.alertmanager, s.prometheus, s.collector, s.loki, s.tempo} {
		s.ready(t, p)
	}
	return s
}

// ready waits for one of the five to say that it is.
func (s *system) ready(t *testing.T, p *program) {
	t.Helper()
	urls := map[*program]string{
		s.alertmanager: s.url("alertmanager", 9093) + "/-/ready", s.prometheus: s.url("prometheus", 9090) + "/-/ready",
		s.collector: s.url("otel-collector", 13133), s.loki: s.url("loki", 3100) + "/ready", s.tempo: s.url("tempo", 3200) + "/ready",
	}
	awaitOK(t, p, urls[p])
}

// collectorArgs name its files as the compose file does.
func (s *system) collectorArgs() []string {
	s.t.Helper()
	file := s.derive("otel-collector", "otel-collector/config.yaml")
	if s.collectorConfig != nil {
		rewrite(s.t, file, func(config string) string { return s.collectorConfig(s, config) })
	}
	args := []string{"--config=" + file}
	if s.sampling {
		args = append(args, "--config="+s.derive("otel-collector", "otel-collector/sampling.yaml"))
	}
	return args
}

// derivePrometheus takes the rules of a place along.
func (s *system) derivePrometheus(place string) string {
	s.t.Helper()
	for _, file := range shipped.RuleFiles(s.t, place) {
		path, err := filepath.Rel(shipped.Deploy, file)
		if err != nil {
			s.t.Fatal(err)
		}
		s.derive("prometheus", path)
	}
	file := s.derive("prometheus", "prometheus/prometheus.yml")
	rewrite(s.t, file, func(config string) string { return absent.ReplaceAllString(config, "") })
	return file
}

// absent are the jobs of programs that are not started here. With them, the edge would be down, and the page about it would keep
// back the alerts about what follows.
var absent = regexp.MustCompile(`(?m)^  - job_name: (?:caddy|edge|blackbox-exporter)\n(?:(?: {4}.*)?\n)*`)
