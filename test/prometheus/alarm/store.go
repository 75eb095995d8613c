package alarm

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// store holds the series of one watch in memory, for the query engine.
type store struct {
	series map[string]*series // by labels
	names  map[string][]*series
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
	target  string
}

func newStore() *store { return &store{map[string]*series{}, map[string][]*series{}} }

func (s *store) add(l labels.Labels, at time.Time, v float64) *series {
	key := l.String()
	one, ok := s.series[key]
	if !ok {
		one = &series{labels: l}
		s.series[key] = one
		name := l.Get(model.MetricNameLabel)
		s.names[name] = append(s.names[name], one)
	}
	one.samples = append(one.samples, sample{at.UnixMilli(), v})
	return one
}

// scraped adds the samples of a target. Series that it no longer has are marked stale, as in Prometheus.
func (s *store) scraped(t Target, at time.Time, up float64, vector model.Vector) {
	s.add(labels.FromStrings(model.MetricNameLabel, "up", "job", t.Job, "instance", t.Instance), at, up)
	for _, v := range vector {
		b := labels.NewBuilder(labels.EmptyLabels())
		for name, value := range v.Metric {
			b.Set(string(name), string(value))
		}
		s.add(b.Set("job", t.Job).Set("instance", t.Instance).Labels(), at, float64(v.Value)).target = t.URL
	}
	for _, one := range s.series {
		if last := one.samples[len(one.samples)-1]; one.target == t.URL && last.T() < at.UnixMilli() && !value.IsStaleNaN(last.F()) {
			one.samples = append(one.samples, sample{at.UnixMilli(), math.Float64frombits(value.StaleNaN)})
		}
	}
}

// Querier implements storage.Queryable.
func (s *store) Querier(mint, maxt int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		return s.find(mint, maxt, matchers)
	}}, nil
}

func (s *store) find(mint, maxt int64, matchers []*labels.Matcher) storage.SeriesSet {
	set := &found{SeriesSet: storage.EmptySeriesSet(), at: -1}
	for _, one := range s.candidates(matchers) {
		if matches(one.labels, matchers) {
			from, to := 0, len(one.samples)
			for from < to && one.samples[from].T() < mint {
				from++
			}
			for to > from && one.samples[to-1].T() > maxt {
				to--
			}
			if from < to {
				set.series = append(set.series, storage.NewListSeries(one.labels, one.samples[from:to]))
			}
		}
	}
	return set
}

func (s *store) candidates(matchers []*labels.Matcher) []*series {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return s.names[m.Value]
		}
	}
	var all []*series
	for _, one := range s.series {
		all = append(all, one)
	}
	return all
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// found implements storage.SeriesSet.
type found struct {
	storage.SeriesSet
	series []storage.Series
	at     int
}

func (f *found) Next() bool         { f.at++; return f.at < len(f.series) }
func (f *found) At() storage.Series { return f.series[f.at] }
func (f *found) Err() error         { return nil }

// sample implements chunks.Sample.
type sample struct {
	t int64
	v float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

var _ storage.Queryable = (*store)(nil)
