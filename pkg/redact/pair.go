package redact

// mapping is what a reader knows of an object or a YAML mapping that is open.
type mapping struct {
	pair   bool // its name member has a sensitive value
	secret bool // it is a Kubernetes Secret
	ranges []candidates
}

// candidates are strings that are secret if the mapping turns out to be a pair, or a Secret, which its later members tell.
type candidates struct {
	from, to    int  // of waiting
	data, value bool // of a Secret, of a pair
}

// candidate is a string of a mapping that is not complete.
type candidate struct {
	from, to int // of the text
	number   bool
	secret   bool
}

// waitingRoom holds the candidates of a document until the mappings around them are complete.
type waitingRoom struct {
	waiting   []candidate
	undecided int // how many mappings' values are candidates at this place
}

// member is what the name of a member tells about its value.
type member struct {
	named bool // it is secret
	role  pairRole
	data  bool // it is, if the mapping is a Kubernetes Secret
	kind  bool // it tells the kind
	from  int  // of waiting
}

// enter reads a member's name.
func (w *waitingRoom) enter(names *Names, name string) member {
	m := member{named: names.Sensitive(name), role: roleOf(name), data: IsSecretData(name), kind: name == "kind" || name == "Kind", from: len(w.waiting)}
	if m.candidate() {
		w.undecided++
	}
	return m
}

func (m *member) candidate() bool { return m.role == valueRole || m.data }

// wait notes a string, if it is a candidate.
func (w *waitingRoom) wait(from, to int, number bool) {
	if w.undecided > 0 {
		w.waiting = append(w.waiting, candidate{from: from, to: to, number: number})
	}
}

// scalar tells a mapping the value of a member.
func (o *mapping) scalar(names *Names, m *member, value string) {
	if m.role == nameRole && names.Sensitive(value) {
		o.pair = true
	}
	if m.kind && value == "Secret" {
		o.secret = true
	}
}

// leave ends a member.
func (w *waitingRoom) leave(o *mapping, m *member) {
	if !m.candidate() {
		return
	}
	w.undecided--
	if len(w.waiting) > m.from {
		o.ranges = append(o.ranges, candidates{m.from, len(w.waiting), m.data, m.role == valueRole})
	}
}

// complete decides about the candidates of a mapping that has no more members.
func (w *waitingRoom) complete(o *mapping) {
	for _, r := range o.ranges {
		if r.data && o.secret || r.value && o.pair {
			for i := r.from; i < r.to; i++ {
				w.waiting[i].secret = true
			}
		}
	}
}

// decide masks the candidates that are secret, when no mapping is open.
func (w *waitingRoom) decide(s *scanner) {
	for _, c := range w.waiting {
		switch {
		case !c.secret:
		case c.number:
			s.number(c.from, c.to)
		default:
			s.add(c.from, c.to)
		}
	}
	w.waiting = w.waiting[:0]
}

// number masks a number of JSON, so that the document stays one.
func (s *scanner) number(from, to int) {
	s.found = append(s.found, Finding{from, to, `"` + Mask + `"`})
}
