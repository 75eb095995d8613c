// Package alarm finds out which of the shipped alerts would fire, in seconds instead of minutes: it scrapes real services
// every fraction of a second, and has Prometheus's own query engine evaluate the shipped rules as if half a minute lay
// between two scrapes. So `for: 5m` is ten scrapes. Rates come out smaller by the same factor, ratios as they are.
package alarm

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Step is what passes for the rules between two scrapes: the interval of the groups whose rules count on it.
const Step = 30 * time.Second

// Target is what is scraped: a URL, and the labels that Prometheus's configuration gives it.
type Target struct{ Job, Instance, URL string }

type rule struct {
	Record string            `yaml:"record"`
	Alert  string            `yaml:"alert"`
	Expr   string            `yaml:"expr"`
	For    model.Duration    `yaml:"for"`
	Labels map[string]string `yaml:"labels"`
}

// Watch scrapes the targets and evaluates the rules.
type Watch struct {
	targets []Target
	rules   []rule
	engine  *promql.Engine
	client  http.Client

	mu     sync.Mutex
	store  *store
	now    time.Time
	rounds int
	since  map[string]time.Time // of alerts, by rule and labels
	fired  map[string]bool
	change chan struct{} // closed and renewed with each round
	err    error
}

// New reads the rule files that match the pattern. A scrape may take as long as timeout.
func New(pattern string, timeout time.Duration, targets []Target) (*Watch, error) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no rules at %s: %w", pattern, err)
	}
	w := &Watch{
		targets: targets, client: http.Client{Timeout: timeout}, change: make(chan struct{}),
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{})}),
	}
	// Recorded values first, in the order of their groups.
	var alerts []rule
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
		var content struct {
			Groups []struct{ Rules []rule }
		}
		if err := yaml.Unmarshal(text, &content); err != nil {
			return nil, fmt.Errorf("read the rules of %s: %w", file, err)
		}
		for _, g := range content.Groups {
			for _, r := range g.Rules {
				if r.Alert == "" {
					w.rules = append(w.rules, r)
				} else {
					alerts = append(alerts, r)
				}
			}
		}
	}
	w.rules = append(w.rules, alerts...)
	w.Reset()
	return w, nil
}

// Names are the alerts that the rules have.
func (w *Watch) Names() map[string]bool {
	names := map[string]bool{}
	for _, r := range w.rules {
		names[r.Alert] = true
	}
	delete(names, "")
	return names
}

// Reset forgets everything: nothing of what was before is seen by what comes.
func (w *Watch) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store, w.now, w.rounds = newStore(), time.Unix(1_800_000_000, 0), 0
	w.since, w.fired = map[string]time.Time{}, map[string]bool{}
}

// Run scrapes until ctx ends, with a pause between two rounds.
func (w *Watch) Run(ctx context.Context, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		w.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) round(ctx context.Context) {
	scrapes := make([]model.Vector, len(w.targets))
	var wg sync.WaitGroup
	for i, t := range w.targets {
		wg.Go(func() { scrapes[i] = w.scrape(ctx, t) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(Step)
	w.rounds++
	for i, t := range w.targets {
		up := 0.0
		if scrapes[i] != nil {
			up = 1
		}
		w.store.scraped(t, w.now, up, scrapes[i])
	}
	for i, r := range w.rules {
		if err := w.evaluate(ctx, i, r); err != nil && ctx.Err() == nil && w.err == nil {
			w.err = err
		}
	}
	close(w.change)
	w.change = make(chan struct{})
}

// scrape returns nil for a target that does not respond.
func (w *Watch) scrape(ctx context.Context, t Target) model.Vector {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL, http.NoBody)
	if err != nil {
		return nil
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, slices.Collect(maps.Values(families))...)
	if err != nil {
		return nil
	}
	return samples
}

func (w *Watch) evaluate(ctx context.Context, number int, r rule) error {
	query, err := w.engine.NewInstantQuery(ctx, w.store, nil, r.Expr, w.now)
	if err != nil {
		return fmt.Errorf("rule %s%s: %w", r.Record, r.Alert, err)
	}
	defer query.Close()
	vector, err := query.Exec(ctx).Vector()
	if err != nil {
		return fmt.Errorf("rule %s%s: %w", r.Record, r.Alert, err)
	}
	if r.Alert == "" {
		for _, s := range vector {
			w.store.add(recorded(s.Metric, r), w.now, s.F)
		}
		return nil
	}
	active := map[string]time.Time{}
	for _, s := range vector {
		key := fmt.Sprint(number, s.Metric)
		since, was := w.since[key]
		if !was {
			since = w.now
		}
		active[key] = since
		if w.now.Sub(since) >= time.Duration(r.For) {
			w.fired[r.Alert] = true
		}
	}
	prefix := fmt.Sprint(number, "{")
	maps.DeleteFunc(w.since, func(key string, _ time.Time) bool { return len(key) >= len(prefix) && key[:len(prefix)] == prefix })
	maps.Copy(w.since, active)
	return nil
}

func recorded(metric labels.Labels, r rule) labels.Labels {
	b := labels.NewBuilder(metric).Set(model.MetricNameLabel, r.Record)
	for name, value := range r.Labels {
		b.Set(name, value)
	}
	return b.Labels()
}

// Fired are the alerts that have fired since the last Reset, except the one that only repeats others.
func (w *Watch) Fired() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	fired := slices.Sorted(maps.Keys(w.fired))
	return slices.DeleteFunc(fired, func(name string) bool { return name == "OutageKnown" })
}

// Await waits until the alert has fired.
func (w *Watch) Await(ctx context.Context, alert string) error {
	return w.until(ctx, "the alert "+alert, func() bool { return w.fired[alert] })
}

// Rounds waits until so many rounds have passed since the last Reset.
func (w *Watch) Rounds(ctx context.Context, n int) error {
	return w.until(ctx, "enough scrapes", func() bool { return w.rounds >= n })
}

// More waits until so many more rounds have passed.
func (w *Watch) More(ctx context.Context, n int) error {
	w.mu.Lock()
	n += w.rounds
	w.mu.Unlock()
	return w.Rounds(ctx, n)
}

func (w *Watch) until(ctx context.Context, what string, yes func() bool) error {
	for {
		w.mu.Lock()
		done, err, change := yes(), w.err, w.change
		w.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("%s did not come; fired: %v: %w", what, w.Fired(), context.Cause(ctx))
		}
	}
}
