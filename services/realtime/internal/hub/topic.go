package hub

import (
	"maps"
	"slices"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
)

// MaxTopics bounds the topics of a connection.
const MaxTopics = 200

// kind is a set of the topics that every user may have.
type kind uint8

const (
	drifts kind = 1 << iota
	alerts
	checks
)

// kinds in the order in which they are named to clients.
var kinds = []struct {
	bit   kind
	topic string
}{{drifts, event.TopicDrifts}, {alerts, event.TopicAlerts}, {checks, event.TopicChecks}}

func kindOf(topic string) (kind, bool) {
	for _, k := range kinds {
		if k.topic == topic {
			return k.bit, true
		}
	}
	return 0, false
}

// split sorts topics into the common ones and those of single drifts.
func split(topics []string) (set kind, single []string) {
	for _, t := range topics {
		if k, ok := kindOf(t); ok {
			set |= k
		} else {
			single = append(single, t)
		}
	}
	return set, single
}

// interest is the topics of one connection.
type interest struct {
	kinds  kind
	drifts map[string]struct{} // nil for most connections
}

func (in *interest) wants(f *frame) bool {
	if in.kinds&f.kinds != 0 {
		return true
	}
	if len(in.drifts) == 0 {
		return false
	}
	return slices.ContainsFunc(f.drifts, func(topic string) bool { _, ok := in.drifts[topic]; return ok })
}

// with gives the interest with topics added, which must be valid ones.
func (in *interest) with(topics []string) (interest, error) {
	set, single := split(topics)
	sum := interest{in.kinds | set, maps.Clone(in.drifts)}
	if sum.drifts == nil && len(single) > 0 {
		sum.drifts = make(map[string]struct{}, len(single))
	}
	for _, t := range single {
		sum.drifts[t] = struct{}{}
	}
	if sum.count() > MaxTopics {
		return interest{}, apierror.InvalidField("topics", "a connection may have %d topics", MaxTopics)
	}
	return sum, nil
}

// without gives the interest with topics removed. A topic that is not in it is not an error.
func (in *interest) without(topics []string) interest {
	set, single := split(topics)
	rest := interest{in.kinds &^ set, maps.Clone(in.drifts)}
	for _, t := range single {
		delete(rest.drifts, t)
	}
	return rest
}

func (in *interest) count() int {
	n := len(in.drifts)
	for _, k := range kinds {
		if in.kinds&k.bit != 0 {
			n++
		}
	}
	return n
}

// topics lists the interest.
func (in *interest) topics() []string {
	list := make([]string, 0, in.count())
	for _, k := range kinds {
		if in.kinds&k.bit != 0 {
			list = append(list, k.topic)
		}
	}
	return append(list, slices.Sorted(maps.Keys(in.drifts))...)
}

// Reason says why a cursor is invalid.
type Reason string

// The reasons, as clients see them.
const (
	ReasonEpoch   Reason = "epoch"   // the database was restored since
	ReasonAhead   Reason = "ahead"   // beyond the head
	ReasonTrimmed Reason = "trimmed" // older than the stored events
)

// check gives the reason why reading can't continue after c; "" when it can.
func check(w event.Window, c event.Cursor) Reason {
	switch {
	case w.Resumable(c):
		return ""
	case c.Epoch != w.Epoch:
		return ReasonEpoch
	case c.Position > w.Head:
		return ReasonAhead
	default:
		return ReasonTrimmed
	}
}
