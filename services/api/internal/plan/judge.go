package plan

// Object names an open drift that a plan may have to say something about.
type Object struct {
	Origin Origin
	ID     string // its Change's ResourceID
}

// Open is an open drift as it is remembered for the plans that come after it.
type Open struct {
	// Hash is that of its Change.
	Hash []byte
	// Sides is what the States of its Change had; empty for a drift of a version that did not keep it.
	Sides []byte
}

// How is how a drift was resolved, as prior_state shows it.
type How string

// The ways in which a drift is resolved.
const (
	HowReverted   How = "reverted"   // the resource has the expected value again
	HowAccepted   How = "accepted"   // the actual value is the recorded one now
	HowRemoved    How = "removed"    // the state has no such resource any more
	HowSuperseded How = "superseded" // it has a third value
	HowUnknown    How = "unknown"    // the plan does not show it
)

// Verdict is what a plan says about one open drift that it does not list.
type Verdict struct {
	Resolved bool
	How      How    // empty unless resolved
	Reason   string // one sentence on why this one stays open, though the plan's evidence resolves; else empty
}

// standing is what a plan shows of an object that has an open drift.
type standing struct {
	found  bool // prior_state has it
	orphan bool // no configuration has it any more
	how    How
	sides  sides
	hash   *hasher // that made the sides; nil when none did
}

// reasonOrphan is the reason of a Verdict.
const reasonOrphan = "The state still has this resource, but no configuration has it any more, so it was not refreshed: " +
	"remove it from the state or resolve the drift by hand."

// Judge says how an open drift ended that is in Options.Open and that the plan does not list. id is that of
// Options.Open, or the one to which the plan moved it.
func (p *Plan) Judge(origin Origin, id string) Verdict {
	if !p.Evidence.Resolves() || origin != OriginDrift && (origin != OriginChange || !p.seesChanges || p.Evidence.Mode != ModeNormal) {
		return Verdict{}
	}
	id = p.key(id)
	o := Object{origin, id}
	from, moved := p.previous[id]
	if moved {
		if _, ok := p.standings[Object{origin, from}]; ok {
			o.ID = from
		}
	}
	st := p.standings[o]
	switch {
	case st == nil: // The caller did not ask about it.
		return Verdict{Resolved: true, How: HowUnknown}
	case st.orphan:
		return Verdict{Reason: reasonOrphan}
	case !p.hasPriorState || moved && p.movedLate:
		return Verdict{Resolved: true, How: HowUnknown}
	case !st.found:
		return Verdict{Resolved: true, How: HowRemoved}
	}
	return Verdict{Resolved: true, How: st.how}
}

// watched are the open drifts of the object that prior_state has at this place.
func (s *scan) watched(id string) []*standing {
	id = s.out.key(id)
	if from, ok := s.out.previous[id]; ok && len(s.standingsOf(from)) > 0 {
		id = from
	}
	return s.standingsOf(id)
}

func (s *scan) standingsOf(id string) []*standing {
	var list []*standing
	for _, origin := range [...]Origin{OriginDrift, OriginChange} {
		if st := s.out.standings[Object{origin, id}]; st != nil {
			list = append(list, st)
		}
	}
	return list
}

// judge finishes the standings once the whole plan has gone by.
func (s *scan) judge() {
	next := map[string]string{} // where an object went
	for to, from := range s.out.previous {
		next[from] = to
	}
	for o, st := range s.out.standings {
		id := o.ID
		if to, ok := next[id]; ok {
			id = to
		}
		// Without a configuration it cannot be told, except for the resources that the plan says it forgets.
		configured := s.out.Slimmed || s.configured[s.hashAddress(id)]
		st.orphan = st.found && !configured || s.planned[id] == "forget"
	}
}
