package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the maximum of the histograms; longer times count as this.
	longest = 5 * time.Minute
	// digits of a latency that are exact.
	digits = 3
	shards = 8
)

// Latencies is an HDR histogram that many goroutines write to.
type Latencies struct {
	shards [shards]struct {
		sync.Mutex
		histogram *hdrhistogram.Histogram
	}
}

// add records one; who is any number, which spreads writers over the shards.
func (l *Latencies) add(who int, d time.Duration) {
	s := &l.shards[who%shards]
	s.Lock()
	defer s.Unlock()
	if s.histogram == nil {
		s.histogram = hdrhistogram.New(1, longest.Microseconds(), digits)
	}
	_ = s.histogram.RecordValue(min(max(d, 0), longest).Microseconds()) // It is in the range.
}

// Summary has the percentiles of a histogram.
type Summary struct {
	Count                    int64
	P50, P90, P99, P999, Max time.Duration
}

// Summary adds the shards up.
func (l *Latencies) Summary() Summary {
	sum := hdrhistogram.New(1, longest.Microseconds(), digits)
	for i := range l.shards {
		s := &l.shards[i]
		s.Lock()
		if s.histogram != nil {
			sum.Merge(s.histogram)
		}
		s.Unlock()
	}
	at := func(percent float64) time.Duration {
		return time.Duration(sum.ValueAtPercentile(percent)) * time.Microsecond
	}
	return Summary{
		Count: sum.TotalCount(),
		P50:   at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(sum.Max()) * time.Microsecond,
	}
}
