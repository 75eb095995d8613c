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
	// Retyped says that a plan before moved the resource to another type and did not list the drift.
	Retyped bool
	// Paths is what the States of its Change had; empty for a drift of a version that did not keep it.
	Paths []byte
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
	found   bool // prior_state has it
	orphan  bool // the state has it and the configuration does not
	leftOut bool // its entry could not be read
	omitted bool // the state has it and the planned changes, which have every resource of the root, do not
	retyped bool // it moved to another type, or may have, and this plan would not list its drift
	how     How
	sides   sides
	hash    *hasher // that made the sides; nil when none did
}

// The reasons of a Verdict.
const (
	reasonOrphan = "The state still has this resource and the configuration does not. Not every tool refreshes such a resource, and this plan " +
		"does not list it, so it does not show whether the drift is gone: apply the change that removes the resource and send the next plan, " +
		"or resolve the drift by hand."
	reasonRetyped = "The resource has moved to another type, or seems to have. OpenTofu lists no drift of such a resource before the move is " +
		"applied, so this plan does not show whether the drift is gone: apply the move and send a normal plan, or resolve the drift by hand."
	reasonOmitted = "The state has this resource and resource_changes does not, as with -target or -exclude, whatever scope says: " +
		"send a plan of the whole root, or scope=partial. If resource_changes was shortened, send it whole."
	reasonLeftOut = "The plan lists this resource, but its entry could not be read: see what was left out of the plan."
)

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
	case st.leftOut:
		return Verdict{Reason: reasonLeftOut}
	case st.retyped:
		return Verdict{Reason: reasonRetyped}
	case st.orphan:
		return Verdict{Reason: reasonOrphan}
	case st.omitted:
		return Verdict{Reason: reasonOmitted}
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
		action, listed := s.planned[id]
		st.orphan = st.found && !configured || action == "forget"
		// Terraform from 1.8 on says how much a plan covers; of other tools' plans it is only stated.
		st.omitted = st.found && !listed && s.tally.planned > 0 && s.out.Complete == nil
		st.retyped = st.retyped && !st.found
		if s.tally.planned > 0 { // The plan says which moves are not applied yet.
			from, isMoved := s.out.previous[id]
			st.retyped = isMoved && typeOf(from) != typeOf(id)
		} else if s.opt.Open[o].Retyped || id != o.ID && typeOf(id) != typeOf(o.ID) {
			st.retyped = true
		}
		// Terraform, which says how much a plan covers, lists the drift of a resource that moves to another type.
		st.retyped = st.retyped && s.out.Complete == nil
	}
}

// namesake is an open drift by the address of its resource without the type.
type namesake struct {
	*standing
	typ string
}

// noteNamesakes remembers which open drifts a resource of prior_state may have been before it moved to another type.
func (s *scan) noteNamesakes() {
	for o, st := range s.out.standings {
		typ, rest := splitType(o.ID)
		s.namesakes[rest] = append(s.namesakes[rest], namesake{st, typ})
	}
}

// seeNamesakes takes a resource of prior_state, which is as it is in reality. It may be that of an open drift under another
// type if it has what drifted.
func (s *scan) seeNamesakes(id string, values *node) {
	if len(s.namesakes) == 0 {
		return
	}
	typ, rest := splitType(id)
	for _, other := range s.namesakes[rest] {
		if other.typ != typ && !other.retyped {
			other.retyped = other.hash == nil || other.sides.how(s.meaning, other.hash, values) == HowAccepted
		}
	}
}

// splitType takes the type out of an address.
func splitType(address string) (typ, rest string) {
	before, last := -1, -1 // the last two dots outside of keys
	outsideKeys(address, func(i int) {
		if address[i] == '.' {
			before, last = last, i
		}
	})
	if last < 0 {
		return "", address
	}
	return address[before+1 : last], address[:before+1] + address[last:]
}

func typeOf(address string) string {
	typ, _ := splitType(address)
	return typ
}
